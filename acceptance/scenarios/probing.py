"""Probes: SageMaker pipelines of a few seconds' work, each for something that the documentation leaves open.

A scenario's are started a few at a time, and judged when they have ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acceptance import own
from acceptance.ground import Ground, Otherwise, Seen
from acceptance.model import DATA

PROCESSING, TRAINING = "ml.t3.medium", "ml.m5.large"
_AT_ONCE = 2
ENDS = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
Step = Mapping[str, Any]
Steps = Mapping[str, Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a probe's execution: its status, its steps by name, and what each job was described as."""

    ground: Ground
    status: str
    steps: Steps

    def step(self, name: str) -> str:
        """Return the status of a step; one that was never begun isn't listed."""
        return str(self.steps[name]["StepStatus"]) if name in self.steps else "never begun"

    def reasons(self) -> str:
        """Return why steps failed, in the last line that each of them has."""
        said = {name: str(step.get("FailureReason", "")).strip() for name, step in self.steps.items()}
        words = [f"{name}: {text.splitlines()[-1][:300]}" for name, text in said.items() if text]
        return "; ".join([f"the execution is {self.status}", *words])

    def check(self, status: str) -> None:
        """See that the execution has ended so; else the account lacks something, and nothing is learned.

        Raises:
            Otherwise: it has not.
        """
        if self.status != status:
            raise Otherwise(self.reasons())

    def job(self, name: str) -> dict[str, Any]:
        """Return the description of a step's job.

        Raises:
            Otherwise: it has none, as where a quota is used up.
        """
        made = self.steps.get(name, {}).get("Metadata")
        if not made:
            raise Otherwise(f"the step '{name}' has no job: {self.reasons()}")
        ((kind, found),) = made.items()
        job = str(found["Arn"]).rsplit("/", 1)[-1]
        verb = {"ProcessingJob": "processing", "TrainingJob": "training", "TransformJob": "transform"}[kind]
        return self.ground.call("sagemaker", f"describe_{verb}_job", **{f"{kind}Name": job})


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A pipeline of its own: `steps` makes it, `judge` reads what came of it."""

    name: str
    steps: Callable[[Ground], Sequence[Step]]
    judge: Callable[[Ran], Iterable[Seen]]
    prepare: Callable[[Ground], None] | None = None


def play(ground: Ground, probes: Iterable[Probe], *, minutes: float) -> Iterator[Seen]:
    """Yield what is seen of each as it has ended; the first alone, for it says whether jobs run here at all.

    The others run a few at a time: a new account has small quotas.
    """
    first, *others = probes
    batches = [[first], *(others[number : number + _AT_ONCE] for number in range(0, len(others), _AT_ONCE))]
    own.make_bucket(ground)
    own.put(ground, ground.own, "probe/rows.csv", DATA.encode())
    role = own.make_role(ground, own.JOBS)
    for batch in batches:
        arns = [_start(ground, probe, role) for probe in batch]
        for probe, arn in zip(batch, arns, strict=True):
            yield from probe.judge(_end(ground, arn, minutes))


def _start(ground: Ground, probe: Probe, role: str) -> str:
    name = f"{ground.name}-{probe.name}"
    if ground.there("sagemaker", "describe_pipeline", PipelineName=name) is None:
        if probe.prepare:
            probe.prepare(ground)
        definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": list(probe.steps(ground))}
        ground.call(
            "sagemaker", "create_pipeline", PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=role,
            ClientRequestToken=ground.token("pipeline", probe.name), Tags=ground.listed_tags,
        )  # fmt: skip

    def start() -> str:
        token = ground.token("execution", probe.name)
        started = ground.call("sagemaker", "start_pipeline_execution", PipelineName=name, ClientRequestToken=token)
        return str(started["PipelineExecutionArn"])

    return ground.book.once(f"probe {probe.name}", start)


def _end(ground: Ground, arn: str, minutes: float) -> Ran:
    def look() -> str:
        found = ground.call("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=arn)
        status = str(found["PipelineExecutionStatus"])
        return status if status in ENDS else ""

    status = ground.wait(f"the end of {arn}", look, minutes=minutes)
    listed = ground.pages(
        "sagemaker", "list_pipeline_execution_steps", "PipelineExecutionSteps", PipelineExecutionArn=arn
    )
    return Ran(ground=ground, status=status, steps={step["StepName"]: step for step in listed})


def processing(ground: Ground, name: str, program: str, *, seconds: int = 600, **more: Any) -> dict[str, Any]:
    """Return a Processing step that runs a few lines of Python; `more` goes beside its request."""
    cluster = {"InstanceCount": 1, "InstanceType": PROCESSING, "VolumeSizeInGB": 5}
    request = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": own.image(ground), "ContainerEntrypoint": ["python3", "-c", program]},
        "RoleArn": ground.arn("iam", f"role/{ground.name}-{own.JOBS}"),
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        **more.pop("request", {}),
    }  # fmt: skip
    return {"Name": name, "Type": "Processing", "Arguments": request, **more}


def training(ground: Ground, name: str, program: str, **request: Any) -> dict[str, Any]:
    """Return a Training step that runs a few lines of Python."""
    algorithm = {
        "TrainingImage": own.image(ground), "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "-c", program], **request.pop("algorithm", {}),
    }  # fmt: skip
    arguments = {
        "AlgorithmSpecification": algorithm,
        "RoleArn": ground.arn("iam", f"role/{ground.name}-{own.JOBS}"),
        "OutputDataConfig": {"S3OutputPath": f"s3://{ground.own}/probe/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": TRAINING, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600}, **request,
    }  # fmt: skip
    return {"Name": name, "Type": "Training", "Arguments": arguments}


def read_object(ground: Ground, uri: str) -> bytes:
    """Return the content of an object by its address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found: bytes = ground.call("s3", "get_object", Bucket=bucket, Key=key)["Body"].read()
    return found
