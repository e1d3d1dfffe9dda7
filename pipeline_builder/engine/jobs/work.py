"""What each step type does: its job runs, its files move, and it ends with a Describe-shaped result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from pipeline_builder.dag.filters import filter_notes
from pipeline_builder.engine.document.conditions import OUTCOME, decide
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.arrivals import processing_arrivals, transform_arrival
from pipeline_builder.engine.jobs.bringing import bring
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.functions import run_lambda
from pipeline_builder.engine.jobs.handing import secrets_of
from pipeline_builder.engine.jobs.mirrors import Mirror, Mirrors
from pipeline_builder.engine.jobs.names import made_name
from pipeline_builder.engine.jobs.paths import OPT_ML, folder_inside
from pipeline_builder.engine.jobs.processing import (
    exit_message,
    processing_command,
    processing_environment,
    processing_files,
)
from pipeline_builder.engine.jobs.resolving import check_model
from pipeline_builder.engine.jobs.running import Program, run_program
from pipeline_builder.engine.jobs.tools import (
    ACCOUNT,
    Done,
    JobStoppedError,
    StepFailedError,
    StepStoppedError,
    Tools,
    job_name,
)
from pipeline_builder.engine.jobs.training_job import run_training
from pipeline_builder.engine.jobs.transforming import INPUT, OUTPUT, Turn, Turns, refusals_of
from pipeline_builder.engine.jobs.tuning import run_tuning
from pipeline_builder.engine.jobs.waiting import run_callback
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.tree import render_some

# --- the step types


def run_processing(step: Step, request: Request, tools: Tools) -> Done:
    """Download the inputs, run the container's entry point, upload the outputs."""
    name = job_name(tools, step, request.get("ProcessingJobName", ""))
    arn = f"{ACCOUNT}:processing-job/{name}"
    ml = tools.folder / "ml"
    outputs = [output["S3Output"] for output in _outputs(request)]
    places = [output["LocalPath"] for output in outputs]
    data = bring(processing_arrivals(request), tools.outputs, private=tools.private, outputs=places)
    for output in outputs:
        folder_inside(ml, output["LocalPath"])
    processing_files(request, ml=ml, job_arn=arn, job_name=name)
    environment = processing_environment(request, job_arn=arn, region=tools.reach.region) | secrets_of(
        request, tools.secrets
    )
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
            tools.outputs.upload(output["LocalPath"], output["S3Uri"], last=_is_apart(output, outputs))
    result = {**request, "ProcessingJobName": name, "ProcessingJobArn": arn, "ProcessingJobStatus": "Completed"}
    written = tuple(output["S3Uri"] for output in outputs)
    return Done(result={**result, **tools.journal.members}, metadata={"ProcessingJob": arn}, outputs=written)


def _is_apart(output: Request, outputs: Sequence[Request]) -> bool:
    """Tell whether no other output has files of this one's folder."""
    own = PurePosixPath(output["LocalPath"])
    others = [PurePosixPath(other["LocalPath"]) for other in outputs if other is not output]
    return not any(other.is_relative_to(own) or own.is_relative_to(other) for other in others)


def _outputs(request: Request) -> list[Any]:
    return (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []


def run_transform(step: Step, request: Request, tools: Tools) -> Done:
    """Have every input object answered by the model's containers in turn, and keep what was answered whole."""
    name = job_name(tools, step, request.get("TransformJobName", ""))
    arn = f"{ACCOUNT}:transform-job/{name}"
    if refused := refusals_of(request):
        raise InputProblems(*(Problem(id="PB526", message=f"step '{step.name}': {why}") for why in refused))
    for note in filter_notes(request):
        tools.outputs.say(note)
    uri, arrival = request["TransformOutput"]["S3OutputPath"], transform_arrival(request, INPUT)
    turns = Turns(step.name, request, tools.folder, tools.store, private=tools.private)
    failure: Exception | None = None
    # Copied: the engine reads the names of the input's files where they arrive.
    for turn in turns.of(lambda folder: bring([arrival], replace(tools, folder=folder).outputs, private=False)):
        failure = _turned(step, request, tools, turn) or failure
        if isinstance(failure, StepStoppedError | JobStoppedError):
            break
    if not failure and (silent := turns.unanswered):  # a handler may end the program, and well
        some = render_some([f"'{name}'" for name in silent])
        failure = StepFailedError(f"the model's program has ended with exit code 0 and no answer for: {some}")
    if turns.is_through and not isinstance(failure, StepStoppedError | JobStoppedError):
        replace(tools, folder=turns.folder).outputs.upload_named(OUTPUT, turns.outputs, uri)
    if failure:
        raise failure
    result = {**request, "TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": "Completed"}
    outputs = tuple(f"{uri.rstrip('/')}/{name}" for name in turns.outputs)
    return Done(result=result, metadata={"TransformJob": arn}, outputs=outputs)


def _turned(step: Step, request: Request, tools: Tools, turn: Turn) -> Exception | None:
    """Run one container of a model; return why its job has failed, which others of its files needn't have."""
    program = Program(turn.command, turn.environment, OPT_ML, container=turn.container, places=turn.places)
    try:
        run_program(step, request, replace(tools, folder=turn.folder), program)
    except (StepFailedError, StepStoppedError) as error:
        return error
    return None


def describe_model(step: Step, request: Request, execution: str, attempt: int = 1) -> dict[str, Any]:
    """Return what a CreateModel request makes, which needs no job."""
    name = made_name(execution, step.name, attempt, request.get("ModelName", ""))
    return {**request, "ModelName": name, "ModelArn": f"{ACCOUNT}:model/{name}"}


def run_model(step: Step, request: Request, tools: Tools) -> Done:
    """Record a model; its artifacts must be there."""
    check_model(step.name, request, tools.registry.state, tools.store)
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
    outcome = decide(request["Conditions"])
    return Done(result={OUTCOME: outcome}, metadata={"Condition": str(outcome)})


def run_fail(step: Step, request: Request, tools: Tools) -> Done:
    """Fail, with the message that the definition gives the step."""
    del tools
    raise StepFailedError(str(request.get("ErrorMessage") or came_to(step.name)))


def came_to(name: str) -> str:
    """Return the reason of a Fail step that has no message; the service gives none."""
    return f"the pipeline came to the Fail step '{name}'"


WORK: Mapping[str, Callable[[Step, Request, Tools], Done]] = {
    "Processing": run_processing,
    "Training": run_training,
    "Transform": run_transform,
    "Tuning": run_tuning,
    "Model": run_model,
    "RegisterModel": run_register_model,
    "Condition": run_condition,
    "Fail": run_fail,
    "Lambda": run_lambda,
    "Callback": run_callback,
}
