"""What a batch transform job finds in each container of its model, and what is left of it there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.dag.filters import Fault, filter_faults, is_filter
from pipeline_builder.dag.jsonpath import parse_filter
from pipeline_builder.engine.document.references import as_text
from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.models import own_port, place_container, server_of
from pipeline_builder.engine.jobs.packages import containers_of
from pipeline_builder.engine.jobs.paths import OPT_ML, inside
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.streams import copy, replacing
from pipeline_builder.machine.tree import Tree, opened, survey

if TYPE_CHECKING:
    from pipeline_builder.engine.state.store import LocalStore

Request = Mapping[str, Any]
BASE = f"{OPT_ML}/batch"
INPUT, OUTPUT = f"{BASE}/input", f"{BASE}/output"
_GIVEN, _HANDED, _SPEC = "given", "handed", "transform.json"
_RETRIES, _SECONDS = 3, 600
# Variables by the member that the caller has set; what is left open is not passed (developer guide, "Custom Inference
# Code with Batch Transform").
_VARIABLES = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
}
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The job of one of a model's containers, in a folder of its own; `places` as `models.server_of` has them."""

    container: Request
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    places: tuple[tuple[Path, str], ...]


@dataclass(slots=True)
class Turns:
    """The jobs of a model's containers, one after the other: what one has answered is what the next is asked.

    `folder` is the step's, which is also that of the first one, and then that of each; `names` are those of the input.
    """

    step: str
    request: Request
    folder: Path
    store: LocalStore
    private: bool
    names: list[str] = field(default_factory=list)
    is_through: bool = False
    """Whether the last container has had its turn."""

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [f"{name}.out" for name in self.names]

    @property
    def unanswered(self) -> list[str]:
        """The names of the files that have no output after the last turn, or after the one that nothing came out of."""
        there = set(survey(Tree(root=self.folder / "ml", below=OUTPUT.removeprefix(f"{OPT_ML}/"), shown=OUTPUT)).files)
        return [name for name in self.names if f"{name}.out" not in there]

    def of(self, download: Callable[[Path], object]) -> Iterator[Turn]:
        """Yield each turn, ready to run; `download` brings the input into a job's folder.

        Raises:
            InputProblems: see `place_container`, and what `download` and `hand_on` raise.
        """
        containers = containers_of(self.request["Model"])
        first, last = self.folder, len(containers) - 1
        for number, container in enumerate(containers):
            before, self.folder = self.folder, first if not number else first / f"container-{number + 1}"
            _make(self.folder, first)
            placed = place_container(self.step, container, self.folder / "ml", self.store)
            places = server_of(placed, self.folder)
            port = {"port": own_port(self.folder, private=self.private)} if places else {}
            if not number or (number == last and _is_joined(self.request)):
                download(self.folder)
                self.names = survey(Tree(root=inside(self.folder / "ml", INPUT))).files
            if number and not hand_on(before, self.folder):
                return  # the one before has failed at every file
            ends = {"first": not number, "last": number == last}
            command = _write_spec(self.request, self.folder, {**placed, **port, **ends}, self.names)
            environment = environment_of(self.request, container)
            self.is_through = number == last
            yield Turn(container=container, folder=self.folder, command=command, environment=environment, places=places)
            if number:
                sweep_folder(before / "ml")


def _make(folder: Path, first: Path) -> None:
    """Make a container's folder; its log is that of the step, which the containers write one after the other."""
    (folder / "ml" / "batch" / "output").mkdir(parents=True)
    if folder != first:
        log = first / "log.txt"
        log.touch()
        os.link(log, folder / "log.txt")


def _write_spec(request: Request, folder: Path, container: Request, names: list[str]) -> tuple[str, ...]:
    """Write what a job has to do, of which `container` is its container's part; return its command."""
    files = [
        (f"{INPUT}/{name}", f"{OUTPUT}/{name}.out", f"{BASE}/{_GIVEN}/{number}", f"{BASE}/{_HANDED}/{number}")
        for number, name in enumerate(names)
    ]
    content = json.dumps({**container, **spec_of(request, files=files)})
    (folder / "ml" / "batch" / _SPEC).write_text(content, encoding="utf-8")
    return "python", str(Path(transform.__file__).resolve()), f"{BASE}/{_SPEC}"


def hand_on(source: Path, target: Path) -> bool:
    """Give one container's answers to the next, from job folder to job folder; tell whether there are any."""
    tree = Tree(root=source / "ml", below=f"batch/{_HANDED}", shown=f"{BASE}/{_HANDED}")
    if not (source / "ml" / "batch" / _HANDED).is_dir():
        return False
    names = [name for name in survey(tree).files if name.isdecimal()]
    for name in names:
        with opened(tree, name) as content, replacing(target / "ml" / "batch" / _GIVEN / name) as file:
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
    return {**service, **{str(name): as_text(value) for name, value in given.items()}}


def refusals_of(request: Request) -> list[str]:
    """Return a sentence for each thing that a CreateTransformJob request asks for and that can't be."""
    return [words for _, words in refused_members(request)]


def refused_members(request: Request) -> Iterator[Fault]:
    """Yield each thing that a CreateTransformJob request asks for and that can't be: where it is, and a sentence."""
    yield from ((path, f"{'.'.join(path)} {words}") for path, words in filter_faults(request))
    split = (request.get("TransformInput") or {}).get("SplitType") or "None"
    if request.get("MaxPayloadInMB") == 0 and split != "None":
        yield ("MaxPayloadInMB",), "MaxPayloadInMB 0 means no limit, which goes with SplitType 'None' only"
