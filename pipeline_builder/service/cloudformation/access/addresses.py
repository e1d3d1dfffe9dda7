"""S3 addresses in a definition: as patterns of what a run reads and writes, where it is known only when it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.definition.handing import ARTIFACTS
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at

Pieces = tuple[str, ...]
"""The literal parts of a text, between any two of which anything may stand: `("a/", "/b")` for `a/<something>/b`."""

ANYTHING: Pieces = ("", "")
# Members under which a job's results go, in the requests of all kinds of steps.
_WRITTEN = frozenset(("S3Output", "S3OutputPath", "CheckpointConfig", "ProfilerConfig", "DebugHookConfig", ARTIFACTS))
# What a package is measured by, and what later data are held against: a run's evidence has both.
_METRICS = frozenset(("ModelMetrics", "DriftCheckBaselines"))
_STEP_OUTPUT = re.compile(r"Steps\.(?P<step>[^.]+)\.(?P<path>.+)")
_BASELINE = re.compile(r"(?P<which>CalculatedBaseline|BaselineUsedForDriftCheck)(?P<what>Constraints|Statistics)")
_PROCESSING = re.compile(r"ProcessingOutputConfig\.Outputs\['(?P<name>[^']+)'\]\.S3Output\.S3Uri")
# Below a training job's folder: model.tar.gz, or without compression a folder; what else the job puts out is beside it.
_ARTIFACT: Pieces = ("output/model",)
# Properties that say what the request says: of a tuning where the models of its trainings go.
_FOLDERS = ("TransformOutput.S3OutputPath", "TrainingJobDefinition.OutputDataConfig.S3OutputPath")
_SHARED = re.compile(r"(?P<bucket>arn:[^/]*:accesspoint(?:/[^/]+|:[^/]+)|[^/]+)/?(?P<key>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """What lies in a bucket (or behind an access point's ARN) under the keys that the pieces match.

    Without a bucket it is in the one that the pipeline has for its own data.
    """

    bucket: str
    pieces: Pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An address in a step's request: where it leads, None where that can't be told before a run, and what it's for."""

    step: str
    location: Location | None
    written: bool
    metrics: bool
    text: str


def find_addresses(steps: Mapping[str, JSON], parameters: Mapping[str, JSON]) -> Iterator[Found]:
    """Yield every S3 address in the steps (by their names), whatever member it stands under.

    Parameters stand for their defaults: that is what a run of the service has.
    """
    known = _Known(steps, parameters)
    for name, step in steps.items():
        arguments = step.get("Arguments") if isinstance(step, dict) else None
        yield from known.addresses(name, arguments, under=())


class _Known:
    """What expressions of a definition stand for."""

    def __init__(self, steps: Mapping[str, JSON], parameters: Mapping[str, JSON]) -> None:
        self._steps = steps
        self._parameters = parameters

    def addresses(self, step: str, value: JSON, *, under: tuple[str, ...]) -> Iterator[Found]:
        if isinstance(value, list):
            for item in value:
                yield from self.addresses(step, item, under=under)
        elif isinstance(value, str) or is_reference(value):
            pieces = self.pieces(_decoded(value))
            if pieces and pieces[0].startswith("s3://") and not _is_prose(pieces):
                written = not _WRITTEN.isdisjoint(under)
                location = _location(pieces, written=written)
                metrics = not _METRICS.isdisjoint(under)
                yield Found(step=step, location=location, written=written, metrics=metrics, text="*".join(pieces))
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self.addresses(step, item, under=(*under, key))

    def pieces(self, value: JSON) -> Pieces:
        """Return what a text or an expression is made of; what only a run knows is between two pieces."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, dict) and isinstance(joined := value.get("Std:Join"), dict):
            values, on = joined.get("Values"), joined.get("On")
            parts = [self.pieces(part) for part in values] if isinstance(values, list) else [ANYTHING]
            return _joined(parts, on if isinstance(on, str) else "")
        if isinstance(value, dict) and isinstance(path := value.get("Get"), str):
            return self._get(path)
        return (str(value),) if isinstance(value, int | float) else ANYTHING

    def _get(self, path: str) -> Pieces:
        if path.startswith("Parameters."):
            default = self._parameters.get(path.removeprefix("Parameters."))
            return ANYTHING if default is None else self.pieces(default)
        match = _STEP_OUTPUT.fullmatch(path)
        return self._output(match["step"], match["path"]) if match else ANYTHING

    def _output(self, name: str, path: str) -> Pieces:
        """Return where a step puts what others refer to."""
        step = self._steps.get(name)
        arguments = step.get("Arguments") if isinstance(step, dict) else None
        if path == "ModelArtifacts.S3ModelArtifacts":
            folder = self.pieces(member_at(arguments, ("OutputDataConfig", "S3OutputPath")))
            return _joined([folder, ANYTHING, _ARTIFACT], "/")
        if path in _FOLDERS:
            return self.pieces(member_at(arguments, tuple(path.split("."))))
        if match := _BASELINE.fullmatch(path):
            return self._baseline(step, match["which"], match["what"])
        if match := _PROCESSING.fullmatch(path):
            outputs = member_at(arguments, ("ProcessingOutputConfig", "Outputs"))
            for output in outputs if isinstance(outputs, list) else ():
                if member_at(output, ("OutputName",)) == match["name"]:
                    return self.pieces(member_at(output, ("S3Output", "S3Uri")))
        return ANYTHING

    def _baseline(self, step: JSON, which: str, what: str) -> Pieces:
        """A check's baseline is in its output; the one that it is held against may be supplied."""
        supplied = member_at(step, (f"SuppliedBaseline{what}",))
        if which == "BaselineUsedForDriftCheck" and supplied:
            return self.pieces(supplied)
        outputs = member_at(step, ("Arguments", "ProcessingOutputConfig", "Outputs"))
        first = outputs[0] if isinstance(outputs, list) and outputs else None
        return _joined([self.pieces(member_at(first, ("S3Output", "S3Uri"))), ANYTHING], "/")


def is_reference(value: JSON) -> bool:
    """Tell whether a mapping is an expression of the definition's language."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet")


def _decoded(value: JSON) -> JSON:
    """Hyperparameters are JSON: a text that is one stands for what it says."""
    if isinstance(value, str) and value.startswith('"s3://'):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return inner if isinstance(inner, str) else value
    return value


def _joined(parts: list[Pieces], on: str) -> Pieces:
    found: list[str] = [""]
    for index, part in enumerate(parts):
        first, *others = part
        found[-1] += (on if index else "") + first
        found += others
    return tuple(found)


def _is_prose(pieces: Pieces) -> bool:
    """A text with line ends isn't an address."""
    return any("\n" in piece for piece in pieces)


def _location(pieces: Pieces, *, written: bool) -> Location | None:
    """Return all that an address stands for; None where not even its bucket is known.

    What is written goes below the address, as below a folder; what is read is every key that begins with it, for that
    is how SageMaker takes a prefix.
    """
    first = pieces[0].removeprefix("s3://")
    match = _SHARED.fullmatch(first)
    if match is None or (len(pieces) > 1 and "/" not in first[len(match["bucket"]) :]):
        return None
    found = [match["key"], *pieces[1:]]
    if written and found[-1] and not found[-1].endswith("/"):
        found[-1] += "/"
    return Location(match["bucket"], tuple(found) if found[-1] == "" and len(found) > 1 else (*found, ""))
