"""What expressions of a definition stand for before anything runs: defaults, values that are given, other requests."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from pipeline_builder.dag.outline import NESTED
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression
from pipeline_builder.documents.members import member_at

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\[['\"]([^'\"]*)['\"]\]")
_OUTPUTS = (
    "ProcessingOutputConfig.Outputs", "TransformOutput.S3OutputPath", "ModelArtifacts.S3ModelArtifacts",
    "TrainingJobDefinition.OutputDataConfig.S3OutputPath",
)  # fmt: skip
# The name that SageMaker has made for a training of a tuning: letters, digits and '-', which lead nowhere else.
_MADE_NAME = re.compile(r"(?:BestTrainingJob|TrainingJobSummaries\[\d+\])\.TrainingJobName")
_CHECKS = ("QualityCheck", "ClarifyCheck")
_BASELINE = re.compile(r"(?P<which>CalculatedBaseline|BaselineUsedForDriftCheck)(?P<what>Constraints|Statistics)")
# All else that an execution knows is nobody's choice; this stands in the conf.
_PIPELINE = "Execution.PipelineName"
_ARTIFACT = "ModelArtifacts.S3ModelArtifacts"
_NAMES = ("OutputName", "InputName", "ChannelName")
EXECUTION = "⟨execution⟩"
"""Stands for what only an execution knows, and nobody chooses: its id, its times."""
DATE = "⟨date⟩"
"""Stands for the logical date, or a part of it: of fixed letters, and the same for all addresses of a run."""
_DEEPEST = 20


class Meaning(NamedTuple):  # a dataclass takes several times as long to make
    """What a value is before a run. `text` is None where that can't be told: `waits` for parameters without a value,
    or what a job will have written decides. `output` says that it begins with another step's output.
    """

    text: str | None
    waits: bool = False
    output: str = ""


_UNKNOWABLE = Meaning(text=None)
_OF_EXECUTION = Meaning(text=EXECUTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The steps of a definition by their names, nested ones too, the values of its parameters, the pipeline's name."""

    steps: Mapping[str, JSON]
    parameters: Mapping[str, JSON]
    pipeline: str
    _told: dict[int, tuple[JSON, Meaning]] = field(default_factory=dict, repr=False, compare=False)
    _properties: dict[tuple[str, int], Meaning] = field(default_factory=dict, repr=False, compare=False)

    def meaning(self, value: JSON, depth: int = 0) -> Meaning:
        """Return what a scalar of a request, or the expression that stands for it, is before a run."""
        if isinstance(value, str):
            return Meaning(value)
        if depth or not isinstance(value, dict):
            return self._meaning(value, depth)
        told = self._told.get(id(value))  # several rules ask for the same; what is kept is nobody else's id
        if told is None or told[0] is not value:
            told = self._told[id(value)] = (value, self._meaning(value, 0))
        return told[1]

    def beginning(self, value: JSON) -> Meaning:
        """Return what a value is, or what it begins with as far as that is known before a run."""
        meaning, joined = self.meaning(value), value.get("Std:Join") if isinstance(value, dict) else None
        if meaning.text is not None or not isinstance(joined, dict):
            return meaning
        parts = found if isinstance(found := joined.get("Values"), list) else []
        known = [*takewhile(lambda part: self.meaning(part).text is not None, parts)]
        left = (self.beginning(part).text or "" for part in parts[len(known) : len(known) + 1])
        return self._join({**joined, "Values": [*known, *left]}, 1)

    def _meaning(self, value: JSON, depth: int) -> Meaning:
        if isinstance(value, bool):
            return Meaning(text="true" if value else "false")
        if isinstance(value, (str, int, float)):
            return Meaning(text=str(value))
        if depth > _DEEPEST or not isinstance(value, dict) or not is_expression(value):
            return _UNKNOWABLE
        if isinstance(path := value.get("Get"), str):
            return self._get(path, depth)
        if isinstance(joined := value.get("Std:Join"), dict):
            return self._join(joined, depth)
        return _UNKNOWABLE

    def _get(self, path: str, depth: int) -> Meaning:
        if path == _PIPELINE:
            return Meaning(text=self.pipeline)
        if path.startswith("Execution."):
            return _OF_EXECUTION
        if path.startswith("Parameters."):
            value = self.parameters.get(path.removeprefix("Parameters."))
            return Meaning(text=None, waits=True) if value is None else self.meaning(value, depth + 1)
        if (path, depth) not in self._properties:  # an output is taken by several steps
            name, _, inner = path.removeprefix("Steps.").partition(".")
            is_step = path.startswith("Steps.") and name and "[" not in name and inner
            self._properties[path, depth] = self._property(name, inner, depth) if is_step else _UNKNOWABLE
        return self._properties[path, depth]

    def _property(self, name: str, path: str, depth: int) -> Meaning:
        """A property that the step's own request says; of all others a job decides.

        Of a step that couldn't be composed nothing is said: that is a problem of its own.
        """
        if name not in self.steps:
            return Meaning(text=None, waits=True)
        arguments = member_at(self.steps.get(name), ("Arguments",))
        is_output, made_name, check, parts = _taken_apart(path)
        output = name if is_output else ""
        if made_name and member_at(self.steps.get(name), ("Type",)) == "Tuning":
            return _OF_EXECUTION
        if check and member_at(self.steps.get(name), ("Type",)) in _CHECKS:
            return self._baseline(name, check["which"], check["what"], depth)
        if path == _ARTIFACT:
            folder = self.meaning(member_at(arguments, ("OutputDataConfig", "S3OutputPath")), depth + 1)
            text = f"{folder.text.rstrip('/')}/{EXECUTION}/output/model.tar.gz" if folder.text else None
            return Meaning(text=text, waits=folder.waits, output=output)
        found = self.meaning(_follow(arguments, parts), depth + 1)
        return Meaning(text=found.text, waits=found.waits, output=output)

    def _baseline(self, name: str, which: str, what: str, depth: int) -> Meaning:
        """A check's baseline is a file of its output; the one that it was held against may be supplied."""
        supplied = member_at(self.steps.get(name), (f"SuppliedBaseline{what}",))
        if which == "BaselineUsedForDriftCheck" and supplied:
            return self.meaning(supplied, depth + 1)
        address = ("Arguments", "ProcessingOutputConfig", "Outputs")
        outputs = member_at(self.steps.get(name), address)
        first = outputs[0] if isinstance(outputs, list) and outputs else None
        folder = self.meaning(member_at(first, ("S3Output", "S3Uri")), depth + 1)
        text = f"{folder.text.rstrip('/')}/{what.lower()}.json" if folder.text else None
        return Meaning(text=text, waits=folder.waits, output=name)

    def _join(self, joined: dict[str, JSON], depth: int) -> Meaning:
        values, on = joined.get("Values"), joined.get("On", "")
        texts: list[str] = []
        unknown: list[Meaning] = []
        output = ""
        for index, value in enumerate(values if isinstance(values, list) else [None]):
            if isinstance(value, str):  # as most of them are
                texts.append(value)
                continue
            part = self.meaning(value, depth + 1)
            output = part.output if index == 0 else output
            if part.text is None:
                unknown.append(part)
            else:
                texts.append(part.text)
        if unknown or not isinstance(on, str):
            return Meaning(text=None, waits=bool(unknown) and all(part.waits for part in unknown))
        text = on.join(texts)
        # What goes on within a name leads beside the output: `s3://b/team` and `-payroll/x`.
        begins = output and f"{text}/".startswith(f"{texts[0].rstrip('/')}/")
        return Meaning(text=text, output=output if begins else "")


class _Path(NamedTuple):
    """A property's path: whether it begins with an output, is a name that SageMaker makes, or a check's baseline."""

    is_output: bool
    made_name: bool
    baseline: re.Match[str] | None
    parts: tuple[tuple[str, str, str], ...]


@functools.lru_cache(maxsize=10_000)  # of a thousand models, each with steps of its own, these are the same
def _taken_apart(path: str) -> _Path:
    made_name = bool(_MADE_NAME.fullmatch(path))
    return _Path(path.startswith(_OUTPUTS), made_name, _BASELINE.fullmatch(path), tuple(_PART.findall(path)))


def _follow(value: JSON, parts: tuple[tuple[str, str, str], ...]) -> JSON:
    """Return what the parts of a property's path lead to in a request; None where nothing is."""
    for member, index, name in parts:
        if member:
            value = value.get(member) if isinstance(value, dict) else None
        elif isinstance(value, dict):
            value = value.get(name)
        else:
            items = value if isinstance(value, list) else []
            found = (item for at, item in enumerate(items) if str(at) == index or _has_name(item, name))
            value = next(found, None)
    return value


def _has_name(item: JSON, name: str) -> bool:
    return bool(name) and isinstance(item, dict) and any(item.get(key) == name for key in _NAMES)


def flat(steps: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield every composed step with its name, those of a condition's branches too."""
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict):
            continue
        yield str(step.get("Name")), step
        for branch in NESTED.get(str(step.get("Type")), ()):
            yield from flat(member_at(step, ("Arguments", branch)))
