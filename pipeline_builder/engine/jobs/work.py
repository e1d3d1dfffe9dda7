"""What each step type does: its job runs, its files move, and it ends with a Describe-shaped result."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.conditions import OUTCOME, decide
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.container import CODE, network_isolated
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.handing import no_secrets, secrets_of
from pipeline_builder.engine.jobs.job import OPT_ML, Job, JobEnd, inside
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.logs import failure_message
from pipeline_builder.engine.jobs.names import made_name
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.packages import (
    code_archive,
    image_and_code,
    layers_of,
    model_archive,
    submit_directory,
)
from pipeline_builder.engine.jobs.processing import processing_command, processing_environment, processing_files
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.training import training_command, training_environment, training_files
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.store import PREFIX, LocalStore
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.refusals import refuse_full
from pipeline_builder.machine.tree import Tree, survey
from pipeline_builder.target import SecretGiver

ACCOUNT = "arn:aws:sagemaker:localhost:000000000000"
Request = Mapping[str, Any]


class StepFailedError(Exception):
    """The step's job failed; the text is the reason that people see."""


class StepStoppedError(Exception):
    """The step's job was stopped from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a step ended well: its Describe-shaped result, its metadata, and the addresses that it wrote."""

    result: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a step works with; `folder` is the step's own and empty."""

    execution: str
    folder: Path
    store: LocalStore
    registry: LocalRegistry
    environments: Environments
    images: tuple[tuple[str, tuple[str, ...]], ...]
    stop: threading.Event
    private: bool
    limits: JobLimits
    hidden: tuple[Path, ...]
    shared: tuple[Path, ...]
    observe: Callable[[str], None]
    attempt: int = 1
    secrets: SecretGiver = no_secrets

    @property
    def execution_id(self) -> str:
        return self.execution.rsplit("/", 1)[-1]


def job_name(tools: Tools, step: Step, prefix: str = "") -> str:
    """Return a job's name as the service makes it; a name in the definition is its prefix."""
    return made_name(tools.execution, step.name, tools.attempt, prefix)


# --- the step types


def run_processing(step: Step, request: Request, tools: Tools) -> Done:
    """Download the inputs, run the container's entry point, upload the outputs."""
    name = job_name(tools, step, request.get("ProcessingJobName", ""))
    arn = f"{ACCOUNT}:processing-job/{name}"
    ml = tools.folder / "ml"
    for item in request.get("ProcessingInputs") or []:
        source = item["S3Input"]
        _download(source, inside(ml, source["LocalPath"]), tools)
    outputs = [(o["S3Output"]["S3Uri"], o["S3Output"]["LocalPath"]) for o in _outputs(request)]
    for _, path in outputs:
        inside(ml, path).mkdir(parents=True, exist_ok=True)
    processing_files(request, ml=ml, job_arn=arn, job_name=name)
    environment = processing_environment(request, job_arn=arn, region="local") | secrets_of(request, tools.secrets)
    _run(step, request, tools, _Program(processing_command(request), environment, OPT_ML))
    for uri, path in outputs:
        _kept(tools).upload(path, uri)
    result = {**request, "ProcessingJobName": name, "ProcessingJobArn": arn, "ProcessingJobStatus": "Completed"}
    return Done(result=result, metadata={"ProcessingJob": arn}, outputs=tuple(uri for uri, _ in outputs))


def _download(source: Request, folder: Path, tools: Tools) -> None:
    """Bring an S3 data source of any of the three kinds of jobs into a folder."""
    left_out = tools.store.download(source["S3Uri"], folder, kind=source.get("S3DataType") or PREFIX)
    _kept(tools).say_missing(source["S3Uri"], left_out)


def _kept(tools: Tools) -> Outputs:
    return Outputs(folder=tools.folder, store=tools.store, observe=tools.observe)


def _outputs(request: Request) -> list[Any]:
    return (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []


def run_training(step: Step, request: Request, tools: Tools) -> Done:
    """Run the script with its channels and hyperparameters, and keep what it left as model.tar.gz and output.tar.gz."""
    name = job_name(tools, step, request.get("TrainingJobName", ""))
    arn = f"{ACCOUNT}:training-job/{name}"
    ml = tools.folder / "ml"
    training_files(request, ml=ml)
    for channel in request.get("InputDataConfig") or []:
        folder = inside(ml, f"{OPT_ML}/input/data/{channel['ChannelName']}")
        folder.mkdir(parents=True, exist_ok=True)
        _download(channel["DataSource"]["S3DataSource"], folder, tools)
    code = submit_directory(request)
    if code.startswith("s3://"):
        unpack(code_archive(code, tools.store), ml / "code")
    environment = training_environment(request, job_name=name, job_arn=arn, region="local")
    environment |= secrets_of(request, tools.secrets)
    command = training_command(request, package=(ml / "code" / "setup.py").is_file())
    _run(step, request, tools, _Program(command, environment, CODE))
    base = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output"
    _kept(tools).archive(f"{OPT_ML}/model", f"{base}/model.tar.gz")
    _kept(tools).archive(f"{OPT_ML}/output/data", f"{base}/output.tar.gz", empty=False)
    result = {
        **request,
        "TrainingJobName": name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{base}/model.tar.gz"},
    }
    return Done(result=result, metadata={"TrainingJob": arn}, outputs=(f"{base}/model.tar.gz",))


def run_transform(step: Step, request: Request, tools: Tools) -> Done:
    """Unpack the model and run every input object through the inference handlers."""
    name = job_name(tools, step, request.get("TransformJobName", ""))
    arn = f"{ACCOUNT}:transform-job/{name}"
    ml = tools.folder / "ml"
    primary = request["Model"]["PrimaryContainer"]
    program = (primary.get("Environment") or {}).get("SAGEMAKER_PROGRAM", "")
    if not program:
        message = f"step '{step.name}': the model has no inference code, and what its image would run is not known here"
        raise InputProblems(Problem(id="PB513", message=message, hint="name it with 'transform.entry_point'"))
    unpack(model_archive(step, request, tools.store), ml / "model")
    _, code = image_and_code(step, request)
    if code.startswith("s3://"):
        unpack(code_archive(code, tools.store), ml / "code")
    refused = transform.unsupported(request)
    if refused:
        raise InputProblems(*(Problem(id="PB526", message=f"step '{step.name}': {why}") for why in refused))
    _download(request["TransformInput"]["DataSource"]["S3DataSource"], ml / "batch" / "input", tools)
    inputs = survey(Tree(root=ml / "batch" / "input")).files
    base = f"{OPT_ML}/batch"
    files = [(f"{base}/input/{name}", f"{base}/output/{name}.out") for name in inputs]
    (ml / "batch" / "output").mkdir(parents=True)
    spec = ml / "batch" / "transform.json"
    spec.write_text(json.dumps(transform.spec_of(request, program=program, files=files)))
    script = str(Path(transform.__file__).resolve())
    command = ("python", script, f"{base}/transform.json")
    _run(step, request, tools, _Program(command, transform.environment_of(request, primary), OPT_ML))
    uri = request["TransformOutput"]["S3OutputPath"]
    _kept(tools).upload(f"{base}/output", uri)
    result = {**request, "TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": "Completed"}
    written = tuple(f"{uri.rstrip('/')}/{name}.out" for name in inputs)
    return Done(result=result, metadata={"TransformJob": arn}, outputs=written)


def describe_model(step: Step, request: Request, execution: str, attempt: int = 1) -> dict[str, Any]:
    """Return what a CreateModel request makes, which needs no job."""
    name = made_name(execution, step.name, attempt, request.get("ModelName", ""))
    return {**request, "ModelName": name, "ModelArn": f"{ACCOUNT}:model/{name}"}


def run_model(step: Step, request: Request, tools: Tools) -> Done:
    """Record a model; its artifact must be there."""
    url = request["PrimaryContainer"].get("ModelDataUrl", "")
    if url and tools.store.missing([url]):
        raise InputProblems(Problem(id="PB523", message=f"step '{step.name}': there is no model artifact at '{url}'"))
    result = describe_model(step, request, tools.execution, tools.attempt)
    return Done(result=result, metadata={"Model": result["ModelArn"]})


def run_register_model(step: Step, request: Request, tools: Tools) -> Done:
    """Add a version to the model package group."""
    package = tools.registry.register(request, execution=tools.execution, step=step.name)
    result = {
        **request,
        "ModelPackageArn": package.arn,
        "ModelPackageVersion": package.version,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": package.status.value,
    }
    return Done(result=result, metadata={"RegisterModel": package.arn})


def run_condition(step: Step, request: Request, tools: Tools) -> Done:
    """Decide; the outcome is the step's result, and which steps run follows from it."""
    del step, tools
    outcome = str(decide(request["Conditions"]))
    return Done(result={OUTCOME: outcome}, metadata={"Condition": outcome})


def run_fail(step: Step, request: Request, tools: Tools) -> Done:
    """Fail, with the message that the definition gives the step."""
    del tools
    raise StepFailedError(str(request.get("ErrorMessage") or f"the pipeline came to the Fail step '{step.name}'"))


WORK: Mapping[str, Callable[[Step, Request, Tools], Done]] = {
    "Processing": run_processing,
    "Training": run_training,
    "Transform": run_transform,
    "Model": run_model,
    "RegisterModel": run_register_model,
    "Condition": run_condition,
    "Fail": run_fail,
}


# --- what jobs share


@dataclass(frozen=True, slots=True)
class _Program:
    """What a job runs: its command, its variables, and the folder inside that it starts in."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str


def _run(step: Step, request: Request, tools: Tools, program: _Program) -> None:
    """Run the step's job; StepFailedError with the script's own words where it fails."""
    job = Job(
        name=step.name,
        folder=tools.folder,
        command=program.command,
        environment=program.environment,
        python=_python(step, request, tools),
        workdir=program.workdir,
        timeout=float((request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds") or 24 * 3600),
        network=not network_isolated(request),
        limits=tools.limits,
        hidden=tools.hidden,
        writes=tools.shared,
    )
    result = run_job(job, stop=tools.stop, private=tools.private)
    match result.end:
        case JobEnd.STOPPED:
            raise StepStoppedError
        case JobEnd.TIMED_OUT:
            raise StepFailedError(
                f"the job ran longer than its maximum run time of {job.timeout:.0f} s and was stopped"
            )
        case JobEnd.EXITED if result.excess:
            raise StepFailedError(result.excess)
        case JobEnd.EXITED if result.exit_code != 0:
            refuse_full(tools.folder, f"the job ended with exit code {result.exit_code}")
            raise StepFailedError(failure_message(job.ml, job.log, result.exit_code))
        case _:
            pass


def _python(step: Step, request: Request, tools: Tools) -> Path:
    layers = layers_of(step, request, tools.images, tools.store)
    try:
        return tools.environments.get(layers, observe=tools.observe, stop=tools.stop)
    except OutsideFailure:
        if tools.stop.is_set():  # it was being built
            raise StepStoppedError from None
        raise
