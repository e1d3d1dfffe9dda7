"""What a definition declares: its parameters and its steps, nested ones too, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.definition.shapes.kinds import STEP_TYPES, StepType
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of
from pipeline_builder.documents.source import DataPath

_UNKNOWN = StepType("", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Where a nested step stands: in the list `member` (`IfSteps`, `ForEachBody`, …) of the step `holder`."""

    holder: str
    type: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A step as it stands at `path`, and the branch that it is nested in, if any."""

    path: DataPath
    step: JSON
    branch: Branch | None = None


def places(holder: JSON, path: DataPath, branch: Branch | None = None) -> Iterator[Place]:
    """Yield every step of a list of steps in the order of the document, each before those nested in it."""
    for index, step in enumerate(items_of(holder, str(path[-1]))):
        place = Place(path=(*path, index), step=step, branch=branch)
        yield place
        name, kind = text_of(step, "Name"), text_of(step, "Type")
        for member in STEP_TYPES.get(kind, _UNKNOWN).nested:
            inner = (*place.path, "Arguments", member)
            within = Branch(holder=name, type=kind, member=member)
            yield from places(member_at(step, ("Arguments",)), inner, within)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What references may ask of a step; `type` is None where there is no such type."""

    path: DataPath
    kind: str
    type: StepType | None
    arguments: JSON
    property_files: tuple[str, ...]
    outputs: Mapping[str, str]
    branch: Branch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What references may name: the type of each parameter, each step."""

    parameters: Mapping[str, str]
    steps: Mapping[str, Step]


def read_scope(definition: JSON) -> Scope:
    """Return what the definition declares; of a name that stands twice the first."""
    parameters: dict[str, str] = {}
    for item in items_of(definition, "Parameters"):
        parameters.setdefault(text_of(item, "Name"), text_of(item, "Type"))
    steps: dict[str, Step] = {}
    for place in places(definition, ("Steps",)):
        steps.setdefault(text_of(place.step, "Name"), _step(place))
    parameters.pop("", None)
    steps.pop("", None)
    return Scope(parameters=parameters, steps=steps)


def _step(place: Place) -> Step:
    step = place.step
    outputs = items_of(step, "OutputParameters")
    return Step(
        path=place.path,
        kind=text_of(step, "Type"),
        type=STEP_TYPES.get(text_of(step, "Type")),
        arguments=member_at(step, ("Arguments",)),
        property_files=tuple(text_of(item, "PropertyFileName") for item in items_of(step, "PropertyFiles")),
        outputs={text_of(item, "OutputName"): text_of(item, "OutputType") for item in outputs},
        branch=place.branch,
    )
