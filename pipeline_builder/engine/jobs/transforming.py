"""What a batch transform job finds in each container of its model, and what is left of it there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_builder.dag.filters import filter_faults, is_filter
from pipeline_builder.dag.jsonpath import parse_filter
from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.job import OPT_ML
from pipeline_builder.machine.streams import copy, replacing
from pipeline_builder.machine.tree import Tree, opened, survey

Request = Mapping[str, Any]
BASE = f"{OPT_ML}/batch"
INPUT, OUTPUT = f"{BASE}/input", f"{BASE}/output"
_HANDED, _SPEC = "handed", "transform.json"
_RETRIES, _SECONDS = 3, 600
# Variables by the member that the caller has set; what is left open is not passed (developer guide, "Custom Inference
# Code with Batch Transform").
_VARIABLES = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
}
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a model's containers it is, and the folder of its job on this machine."""

    number: int
    count: int
    folder: Path

    @property
    def is_first(self) -> bool:
        return self.number == 0

    @property
    def is_last(self) -> bool:
        return self.number == self.count - 1

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def prepared(self) -> Place:
        """Make the job's folder; its log is that of the step, which the containers write one after the other."""
        (self.ml / "batch" / "output").mkdir(parents=True)
        log = self.folder.parent / "log.txt"
        if not self.is_first:
            log.touch()
            os.link(log, self.folder / "log.txt")
        return self


def places_of(folder: Path, count: int) -> Iterator[Place]:
    """Yield the places of a model's containers; the first one's folder is the step's own."""
    for number in range(count):
        yield Place(number, count, folder if not number else folder / f"container-{number + 1}")


def needs_input(request: Request, place: Place) -> bool:
    """Tell whether a container's job reads the input: the first asks with it, the last may join it."""
    return place.is_first or (place.is_last and _is_joined(request))


def write_spec(request: Request, place: Place, container: Request, names: list[str]) -> tuple[str, ...]:
    """Write what the job has to do; `container` is its part of the spec. Return the job's command."""
    files = [
        (f"{INPUT}/{name}", f"{OUTPUT}/{name}.out", f"{BASE}/given/{number}", f"{BASE}/{_HANDED}/{number}")
        for number, name in enumerate(names)
    ]
    spec = {**container, **spec_of(request, files=files), "first": place.is_first, "last": place.is_last}
    (place.ml / "batch" / _SPEC).write_text(json.dumps(spec))
    return "python", str(Path(transform.__file__).resolve()), f"{BASE}/{_SPEC}"


def hand_on(source: Place, target: Place) -> bool:
    """Give one container's answers to the next; tell whether there are any."""
    tree = Tree(root=source.ml, below=f"batch/{_HANDED}", shown=f"{BASE}/{_HANDED}")
    if not (source.ml / "batch" / _HANDED).is_dir():
        return False
    names = [name for name in survey(tree).files if name.isdecimal()]
    for name in names:
        with opened(tree, name) as content, replacing(target.ml / "batch" / "given" / name) as file:
            copy(content, file)
    return bool(names)


def spec_of(request: Request, *, files: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """Return the spec for a CreateTransformJob request; `files` are paths inside the container: input, output, …"""
    source, result, data = request["TransformInput"], request["TransformOutput"], request.get("DataProcessing") or {}
    patience = request.get("ModelClientConfig") or {}
    return {
        "files": [list(paths) for paths in files],
        "content_type": source.get("ContentType"), "accept": result.get("Accept"),
        "compression": source.get("CompressionType") or "None", "split": source.get("SplitType") or "None",
        "assemble": result.get("AssembleWith") or "None", "strategy": request.get("BatchStrategy"),
        "max_payload_mb": request.get("MaxPayloadInMB"),
        "max_concurrent": request.get("MaxConcurrentTransforms") or None,
        "join": _is_joined(request), "input_filter": _path(data, "InputFilter"),
        "output_filter": _path(data, "OutputFilter"),
        "retries": _RETRIES if (retries := patience.get("InvocationsMaxRetries")) is None else retries,
        "timeout": patience.get("InvocationsTimeoutInSeconds") or _SECONDS,
    }  # fmt: skip


def _is_joined(request: Request) -> bool:
    return (request.get("DataProcessing") or {}).get("JoinSource") == "Input"


def _path(data: Request, member: str) -> list[Any] | None:
    return parse_filter(data[member]) if is_filter(data.get(member)) else None


def environment_of(request: Request, container: Request) -> dict[str, str]:
    """Return the variables of a container in a transform job: the service's, the model's, and over them the job's."""
    service = {"SAGEMAKER_BATCH": "true"}
    for member, variable in _VARIABLES.items():
        value = request.get(member)
        if value not in (None, ""):
            service[variable] = _STRATEGIES.get(str(value), str(value))
    given = {**(container.get("Environment") or {}), **(request.get("Environment") or {})}
    return {**service, **{str(name): str(value) for name, value in given.items()}}


def refusals_of(request: Request) -> list[str]:
    """Return a sentence for each thing that a CreateTransformJob request asks for and that can't be."""
    found = [f"{'.'.join(path)} {words}" for path, words in filter_faults(request)]
    split = (request.get("TransformInput") or {}).get("SplitType") or "None"
    if request.get("MaxPayloadInMB") == 0 and split != "None":
        found.append("MaxPayloadInMB 0 means no limit, which goes with SplitType 'None' only")
    return found
