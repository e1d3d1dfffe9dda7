"""Small definitions for the engine's tests, and a local target in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_builder.descriptions import Execution, StepState
from pipeline_builder.engine.jobs.defaults import take_all
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.release.run import Start, follow, start
from pipeline_builder.target import RequestJudge, Target
from tests.engine.environments import share_environment


def script(name: str, command: str, *, inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a Processing step that runs a shell command and keeps what it writes to /opt/ml/processing/output."""
    uri: Any = {"Std:Join": {"On": "/", "Values": ["s3://local/out", {"Get": "Execution.PipelineExecutionId"}, name]}}
    request: dict[str, Any] = {
        "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": ["/bin/sh", "-c", command]},
        "RoleArn": "arn:aws:iam::000000000000:role/local",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [
            {
                "InputName": key,
                "S3Input": {
                    "S3Uri": value,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                },
            }
            for key, value in (inputs or {}).items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"},
                }
            ]
        },
    }
    return {"Name": name, "Type": "Processing", "Arguments": request, **more}


def training(name: str, command: str, *, metrics: dict[str, str] | None = None, **request: Any) -> dict[str, Any]:
    """Return a Training step that runs a shell command; `metrics` are expressions by name, `request` its members."""
    algorithm: dict[str, Any] = {
        "TrainingImage": "image:1", "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", command],
    }  # fmt: skip
    if metrics:
        algorithm["MetricDefinitions"] = [{"Name": key, "Regex": value} for key, value in metrics.items()]
    arguments = {
        "AlgorithmSpecification": algorithm,
        "RoleArn": "arn:aws:iam::000000000000:role/local",
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "OutputDataConfig": {"S3OutputPath": "s3://local/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **request,
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments}


def condition(
    name: str,
    *conditions: dict[str, Any],
    then: list[dict[str, Any]] | None = None,
    otherwise: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a Condition step with its branches."""
    arguments = {"Conditions": list(conditions), "IfSteps": then or [], "ElseSteps": otherwise or []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    """Return a condition on two values."""
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def fail(name: str, message: Any = "no") -> dict[str, Any]:
    """Return a Fail step."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def measured(name: str, report: str, **more: Any) -> dict[str, Any]:
    """Return a step whose output `out` has a property file `report` with this JSON text."""
    files = [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}]
    return script(name, f"echo '{report}' > /opt/ml/processing/output/report.json", PropertyFiles=files, **more)


def read_report(name: str, path: str) -> dict[str, Any]:
    """Return a reference to a value of a `measured` step's report."""
    return {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{name}.PropertyFiles.report"}, "Path": path}}


def output_of(name: str) -> dict[str, str]:
    """Return a reference to what a `script` step wrote."""
    return {"Get": f"Steps.{name}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


def definition(*steps: dict[str, Any], **more: Any) -> bytes:
    """Return a definition's bytes."""
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **more}).encode()


def target(
    folder: Path,
    *,
    jobs: int = 4,
    judge: RequestJudge = take_all,
    settings: dict[str, Any] | None = None,
    **mounts: Path,
) -> Target:
    """Open the local target in `folder/state`; `mounts` maps buckets to folders, `settings` are more of its own."""
    share_environment(folder / "state")
    settings = {"jobs": jobs, "mounts": mounts, "shared": (folder,), "judge": judge, **(settings or {})}
    return open_local_target(folder / "state", LocalSettings(**settings))


def run(
    local: Target, content: bytes, *, again: bool = False, rerun: bool = False, **parameters: str
) -> tuple[Start, Execution, dict[str, StepState]]:
    """Deploy and run a definition as the pipeline `p`; gives the start, the execution at its end, and its steps.

    `again` starts an execution where an equal one has succeeded, with the step cache; `rerun` without.
    """
    deployed = local.pipelines.put_pipeline("p", content)
    begun = start(local.pipelines, deployed, parameters, rerun=rerun)
    if again:
        fresh = local.pipelines.start_execution("p", deployed.version, parameters, fingerprint="again")
        begun = Start(execution=fresh, origin="started")
    ended = follow(local.pipelines, begun, lambda _state: None)
    return begun, ended, {state.name: state for state in local.pipelines.list_steps(ended.arn)}


def tuning(
    name: str,
    program: str,
    ranges: dict[str, Any],
    *,
    strategy: str = "Random",
    jobs: int | None = 4,
    parallel: int = 2,
    better: str = "Minimize",
    **more: Any,
) -> dict[str, Any]:
    """Return a Tuning step whose trainings run a Python program that has `hp`, the hyperparameters, and `say(loss)`.

    `ranges` are lists of categories, or (least, greatest), integers where both are; `more` goes into the config.
    """
    said = f"import json,time\nhp=json.load(open('/opt/ml/input/config/hyperparameters.json'))\n{_SAY}\n{program}"
    definition = training(name, "", metrics={"loss": "loss=(\\S+)"})["Arguments"]
    definition["AlgorithmSpecification"]["ContainerEntrypoint"] = ["python", "-u", "-c", said]
    found: dict[str, list[Any]] = {}
    for key, given in ranges.items():
        if isinstance(given, list):
            found.setdefault("CategoricalParameterRanges", []).append({"Name": key, "Values": given})
            continue
        kind = "Integer" if all(isinstance(end, int) for end in given) else "Continuous"
        ends = {"Name": key, "MinValue": str(given[0]), "MaxValue": str(given[1])}
        found.setdefault(f"{kind}ParameterRanges", []).append(ends)
    limits = {"MaxParallelTrainingJobs": parallel, **({"MaxNumberOfTrainingJobs": jobs} if jobs else {})}
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": better, "MetricName": "loss"},
        "ResourceLimits": limits,
        "ParameterRanges": found,
        **more,
    }
    arguments = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition}
    return {"Name": name, "Type": "Tuning", "Arguments": arguments}


_SAY = "def say(x): print(f'loss={x}')"
