"""What each step type does: its job runs, its files move, and it ends with a Describe-shaped result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.conditions import OUTCOME, decide
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.arrivals import processing_arrivals, transform_arrival
from pipeline_builder.engine.jobs.bringing import bring
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.handing import secrets_of
from pipeline_builder.engine.jobs.job import OPT_ML, inside
from pipeline_builder.engine.jobs.mirrors import Mirror, Mirrors
from pipeline_builder.engine.jobs.packages import code_archive, image_and_code, model_archive
from pipeline_builder.engine.jobs.processing import (
    exit_message,
    processing_command,
    processing_environment,
    processing_files,
)
from pipeline_builder.engine.jobs.running import Program, run_program
from pipeline_builder.engine.jobs.tools import ACCOUNT, JOB_NAME, Done, StepFailedError, Tools, job_name
from pipeline_builder.engine.jobs.training_job import run_training
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.tree import Tree, survey

# --- the step types


def run_processing(step: Step, request: Request, tools: Tools) -> Done:
    """Download the inputs, run the container's entry point, upload the outputs."""
    name = job_name(tools, step, request.get("ProcessingJobName", ""))
    arn = f"{ACCOUNT}:processing-job/{name}"
    ml = tools.folder / "ml"
    data = bring(processing_arrivals(request), tools.outputs, private=tools.private)
    outputs = [output["S3Output"] for output in _outputs(request)]
    for output in outputs:
        inside(ml, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
    processing_files(request, ml=ml, job_arn=arn, job_name=name)
    environment = processing_environment(request, job_arn=arn, region="local") | secrets_of(request, tools.secrets)
    program = Program(processing_command(request), environment, OPT_ML, data)
    live = [Mirror(o["LocalPath"], o["S3Uri"]) for o in outputs if o.get("S3UploadMode") == "Continuous"]
    try:
        run_program(step, request, tools, program, mirrors=Mirrors(tools.outputs, live))
    finally:
        if message := exit_message(ml):
            tools.journal.add(ExitMessage=message)
    if message is None:
        raise StepFailedError(f"ClientError: {OPT_ML}/output/message is not UTF-8")
    for output in outputs:
        if output.get("S3UploadMode") != "Continuous":
            tools.outputs.upload(output["LocalPath"], output["S3Uri"])
    result = {**request, "ProcessingJobName": name, "ProcessingJobArn": arn, "ProcessingJobStatus": "Completed"}
    written = tuple(output["S3Uri"] for output in outputs)
    return Done(result={**result, **tools.journal.members}, metadata={"ProcessingJob": arn}, outputs=written)


def _outputs(request: Request) -> list[Any]:
    return (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []


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
    bring([transform_arrival(request, f"{OPT_ML}/batch/input")], tools.outputs, private=tools.private)
    inputs = survey(Tree(root=ml / "batch" / "input")).files
    base = f"{OPT_ML}/batch"
    files = [(f"{base}/input/{name}", f"{base}/output/{name}.out") for name in inputs]
    (ml / "batch" / "output").mkdir(parents=True)
    spec = ml / "batch" / "transform.json"
    spec.write_text(json.dumps(transform.spec_of(request, program=program, files=files)))
    script = str(Path(transform.__file__).resolve())
    command = ("python", script, f"{base}/transform.json")
    run_program(step, request, tools, Program(command, transform.environment_of(request, primary), OPT_ML))
    uri = request["TransformOutput"]["S3OutputPath"]
    tools.outputs.upload(f"{base}/output", uri)
    result = {**request, "TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": "Completed"}
    written = tuple(f"{uri.rstrip('/')}/{name}.out" for name in inputs)
    return Done(result=result, metadata={"TransformJob": arn}, outputs=written)


def describe_model(step: Step, request: Request, execution: str, attempt: int = 1) -> dict[str, Any]:
    """Return what a CreateModel request makes, which needs no job."""
    digest = hashlib.sha256(f"{execution}/{step.name}/{attempt}".encode()).hexdigest()[:10]
    prefix = request.get("ModelName") or f"pipelines-{execution.rsplit('/', 1)[-1]}-{step.name}"
    name = f"{prefix[: JOB_NAME - 11].rstrip('-')}-{digest}"
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
