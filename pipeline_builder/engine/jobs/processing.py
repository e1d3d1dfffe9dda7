"""A processing container: the files, variables and command that a request's job finds."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.engine.jobs.container import HOST, NETWORK, Request, region_variables, write_json
from pipeline_builder.errors import InputProblems, Problem


def processing_files(request: Request, *, ml: Path, job_arn: str, job_name: str) -> None:
    """Write `config/processingjobconfig.json` and `config/resourceconfig.json` below `ml`."""
    (ml / "config").mkdir(parents=True, exist_ok=True)
    names = ("AppSpecification", "Environment", "ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources",
             "NetworkConfig", "RoleArn", "StoppingCondition", "ExperimentConfig")  # fmt: skip
    config = {"ProcessingJobArn": job_arn, "ProcessingJobName": job_name, **{n: request.get(n) for n in names}}
    write_json(ml / "config" / "processingjobconfig.json", config)
    cluster = (request.get("ProcessingResources") or {}).get("ClusterConfig") or {}
    resources = {
        "current_host": HOST, "hosts": [HOST], "network_interface_name": NETWORK,
        "current_instance_type": cluster.get("InstanceType") or "local",
    }  # fmt: skip
    write_json(ml / "config" / "resourceconfig.json", resources)


def processing_environment(request: Request, *, job_arn: str = "", region: str = "") -> dict[str, str]:
    """Return the request's `Environment` over what SageMaker sets; there are no credentials in it."""
    service = {"PROCESSING_JOB_ARN": job_arn, **region_variables(region)}
    return {**service, **{str(name): str(value) for name, value in (request.get("Environment") or {}).items()}}


def processing_command(request: Request) -> tuple[str, ...]:
    """Return the request's entry point and arguments; InputProblems (PB513) where it leaves them to the image."""
    application = request.get("AppSpecification") or {}
    if not application.get("ContainerEntrypoint"):
        message = "the processing request has no 'ContainerEntrypoint': what its image would run is not known here"
        raise InputProblems(Problem(id="PB513", message=message, hint="give the step an entry point"))
    return (*application["ContainerEntrypoint"], *(application.get("ContainerArguments") or ()))
