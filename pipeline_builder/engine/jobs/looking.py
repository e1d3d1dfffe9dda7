"""What can be told of a step's request before anything runs: what this machine can't do, or its job would fail with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.members import DataPath, find_said, is_open
from pipeline_builder.engine.jobs.arrivals import (
    Arrival,
    faults_of,
    groups_of,
    processing_arrivals,
    training_arrivals,
)
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.kept import kept_folders
from pipeline_builder.engine.jobs.models import doubts_of
from pipeline_builder.engine.jobs.paths import inside
from pipeline_builder.engine.jobs.processing import processing_command
from pipeline_builder.engine.jobs.resolving import container_refusals, model_refusals, own_containers
from pipeline_builder.engine.jobs.tracking import notes_of
from pipeline_builder.engine.jobs.training import training_command
from pipeline_builder.engine.jobs.transforming import refused_members
from pipeline_builder.engine.jobs.trials import CONFIG, DEFINITION, RESOURCES, trial_request
from pipeline_builder.engine.state.elsewhere import Elsewhere, is_elsewhere
from pipeline_builder.engine.state.places import split_address
from pipeline_builder.errors import InputProblems, Problem

_PROGRAM = "sagemaker_program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Something that was seen of a request, and the member that it is about."""

    path: DataPath
    problem: Problem


def look(step_type: str, request: Request, elsewhere: Elsewhere) -> Iterator[Seen]:
    """Yield everything that is wrong with a request on this machine; expressions stand for what isn't known yet.

    A Transform's request has the resolved model as `Model`, where that is known.
    """
    yield from _members(step_type, request)
    match step_type:
        case "Processing":
            yield from _processing(request, elsewhere)
        case "Training":
            yield from _training(request, elsewhere)
        case "Transform":
            yield from _transform(request)
        case "Tuning":
            yield from _tuning(request, elsewhere)


def _members(step_type: str, request: Request) -> Iterator[Seen]:
    given = {name: value for name, value in request.items() if name != "Model"}
    for said in find_said(step_type, given):
        warning = said.rule.verdict == "note"
        value = f" {said.value!r}" if isinstance(said.value, str | int | float) and said.value is not True else ""
        name = said.path[-1] if warning else member_name(said.path)
        message = f"'{name}'{value}: {said.rule.words}"
        problem = Problem(id="PB561" if warning else "PB560", message=message, warning=warning)
        yield Seen(path=said.path, problem=problem)


def member_name(path: DataPath) -> str:
    """Return the path of a member as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _surroundings(step_type: str, request: Request) -> Iterator[Seen]:
    for name, note in notes_of(step_type, request):
        yield Seen(path=("Environment", name), problem=note)


def _processing(request: Request, elsewhere: Elsewhere) -> Iterator[Seen]:
    yield from _surroundings("Processing", request)
    yield from _raised(("AppSpecification", "ContainerEntrypoint"), lambda: processing_command(request))
    for index, arrival in enumerate(processing_arrivals(request)):
        item = request["ProcessingInputs"][index]
        path: DataPath = ("ProcessingInputs", index)
        if not item.get("AppManaged"):  # what is said of that already
            yield from _arrival(arrival, elsewhere, path, of=item.get("S3Input") or item.get("DatasetDefinition"))
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    for index, item in enumerate(outputs):
        output = item.get("S3Output")
        place: DataPath = ("ProcessingOutputConfig", "Outputs", index)
        if output is not None:
            yield from _local_path(output.get("LocalPath", ""), (*place, "S3Output", "LocalPath"))
            yield from _address(output.get("S3Uri"), (*place, "S3Output", "S3Uri"))
        elif not item.get("FeatureStoreOutput"):
            yield _refused(place, f"the output '{item.get('OutputName')}' has no S3Output, so it would go nowhere")


def _training(request: Request, elsewhere: Elsewhere) -> Iterator[Seen]:
    if not is_open((request.get("HyperParameters") or {}).get(_PROGRAM)):
        yield from _raised(("HyperParameters",), lambda: training_command(request))
    yield from _groups(request)
    yield from _surroundings("Training", request)
    yield from _address(
        (request.get("OutputDataConfig") or {}).get("S3OutputPath"), ("OutputDataConfig", "S3OutputPath")
    )
    for kept in kept_folders(request, ""):
        yield from _local_path(kept.path, (kept.member, "LocalPath"))
    channels = request.get("InputDataConfig") or ()
    arrivals = training_arrivals(request)
    folders = {arrival.path for arrival in arrivals if arrival.mode != "Pipe"}
    for arrival in arrivals:
        index = next(i for i, channel in enumerate(channels) if channel.get("ChannelName") == arrival.name)
        source = channels[index].get("DataSource") or {}
        known = source.get("S3DataSource") or source.get("FileSystemDataSource") or source.get("DatasetSource")
        yield from _arrival(arrival, elsewhere, ("InputDataConfig", index), of=known)
        if arrival.mode == "Pipe" and f"{arrival.path}_0" in folders:
            message = f"the first pipe of the input '{arrival.name}' would be at '{arrival.name}_0', where another is"
            yield _refused(("InputDataConfig", index), message)


def _tuning(request: Request, elsewhere: Elsewhere) -> Iterator[Seen]:
    """Its trainings are looked at as one training is."""
    absent = [name for name in (CONFIG, DEFINITION) if not _is_written(request.get(name))]
    if absent:
        for name in absent if "TrainingJobDefinitions" not in request else ():  # of those the table says it
            yield _refused((name,), f"'{name}' is missing: nothing says what the tuning's trainings are")
        return
    training = trial_request(request, {})
    own = request[DEFINITION]
    for seen in (*_members("Training", training), *_training(training, elsewhere)):
        path = ("StaticHyperParameters", *seen.path[1:]) if seen.path[:1] == ("HyperParameters",) else seen.path
        inside = path[:1] == ("ResourceConfig",) and "ResourceConfig" not in own
        yield Seen(path=(DEFINITION, *((RESOURCES, *path[1:]) if inside else path)), problem=seen.problem)


def _is_written(value: Any) -> bool:
    return isinstance(value, dict) and not is_open(value)


def _groups(request: Request) -> Iterator[Seen]:
    groups = (request.get("ResourceConfig") or {}).get("InstanceGroups") or ()
    names = [group.get("InstanceGroupName") for group in groups]
    if len(groups) > 1:
        message = f"a cluster of several instance groups ({', '.join(map(str, names))}) can't be played here"
        yield _refused(("ResourceConfig", "InstanceGroups"), message)
    for index, channel in enumerate(request.get("InputDataConfig") or ()):
        for name in groups_of(channel):
            if isinstance(name, str) and name not in names:
                message = (
                    f"the channel '{channel.get('ChannelName')}' is for the instance group '{name}', which isn't there"
                )
                yield _refused(("InputDataConfig", index, "DataSource"), message)


def _arrival(arrival: Arrival, elsewhere: Elsewhere, path: DataPath, *, of: Any) -> Iterator[Seen]:
    if not of:
        yield _refused(path, f"the input '{arrival.name}' has no source of data that the engine knows")
        return
    for why in faults_of(arrival):
        yield _refused(path, why)
    yield from _local_path(arrival.path, (*path, "LocalPath"))
    if is_elsewhere(arrival.address):
        yield from _raised(path, lambda: elsewhere.folder(arrival.address))
    elif arrival.address:
        yield from _address(arrival.address, (*path, "S3Uri"))


def _address(uri: Any, member: DataPath) -> Iterator[Seen]:
    """An address of S3 that SageMaker takes and this machine has none like, such as `https://`."""
    if isinstance(uri, str):
        yield from _raised(member, lambda: split_address(uri))


def _local_path(path: Any, member: DataPath) -> Iterator[Seen]:
    if not is_open(path):
        yield from _raised(member, lambda: inside(Path("/"), str(path)))


def _transform(request: Request) -> Iterator[Seen]:
    for path in (("TransformInput", "DataSource", "S3DataSource", "S3Uri"), ("TransformOutput", "S3OutputPath")):
        value: Any = request
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        yield from _address(value, path)
    yield from (Seen(path=path, problem=Problem(id="PB526", message=why)) for path, why in refused_members(request))
    model = request.get("Model")
    if model is None:
        return
    containers = own_containers(model)
    refused = [*model_refusals(model), *(why for container in containers for why in container_refusals(container))]
    yield from (Seen(path=("ModelName",), problem=Problem(id="PB579", message=why)) for why in refused)
    doubts = (doubt for container in containers for doubt in doubts_of(container))
    yield from (Seen(path=("ModelName",), problem=doubt) for doubt in doubts)


def _refused(path: DataPath, message: str) -> Seen:
    return Seen(path=path, problem=Problem(id="PB560", message=message))


def _raised(path: DataPath, body: Callable[[], object]) -> Iterator[Seen]:
    try:
        body()
    except InputProblems as error:
        yield from (Seen(path=path, problem=problem) for problem in error.problems)
