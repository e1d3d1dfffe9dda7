"""A processing container: the files, variables and command that a request's job finds."""

from __future__ import annotations

import codecs
from pathlib import Path

from pipeline_builder.engine.jobs.container import HOST, NETWORK, Request, own_command, region_variables, write_json
from pipeline_builder.engine.jobs.logs import MESSAGE_LIMIT
from pipeline_builder.engine.jobs.tracking import local_variables
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.tree import Tree, read_beginning


def processing_files(request: Request, *, ml: Path, job_arn: str, job_name: str) -> None:
    """Write `config/processingjobconfig.json` and `config/resourceconfig.json` below `ml`."""
    for folder in ("config", "output"):
        (ml / folder).mkdir(parents=True, exist_ok=True)
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
    return {**service, **local_variables("Processing", request)}


def processing_command(request: Request) -> tuple[str, ...]:
    """Return the request's entry point and arguments; InputProblems (PB513) where it leaves them to the image."""
    application = request.get("AppSpecification") or {}
    if not application.get("ContainerEntrypoint"):
        message = "the processing request has no 'ContainerEntrypoint': what its image would run is not known here"
        raise InputProblems(Problem(id="PB513", message=message, hint="give the step an entry point"))
    return own_command(application)


def exit_message(ml: Path) -> str | None:
    """Return the first kilobyte of what the container has written to /opt/ml/output/message; None of what is no UTF-8.

    Source: "Save and Access Metadata Information About Your Processing Job".
    """
    content = read_beginning(Tree(root=ml, below="output"), "message", MESSAGE_LIMIT)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content)  # a letter may be cut off at the end
    except UnicodeDecodeError:
        return None
