"""What a definition declares: its parameters and its steps, nested ones too, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.definition.check.language import STEP_TYPES, StepType
from pipeline_builder.definition.check.members import items_of, member_at, text_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A step as it stands at `path`; `condition` is the name of the Condition step that it is nested in."""

    path: DataPath
    step: JSON
    condition: str = ""


def places(holder: JSON, path: DataPath, condition: str = "") -> Iterator[Place]:
    """Yield every step of a list of steps in the order of the document, each before those nested in it."""
    for index, step in enumerate(items_of(holder, str(path[-1]))):
        place = Place(path=(*path, index), step=step, condition=condition)
        yield place
        for branch in ("IfSteps", "ElseSteps") if text_of(step, "Type") == "Condition" else ():
            inner = (*place.path, "Arguments", branch)
            yield from places(member_at(step, ("Arguments",)), inner, text_of(step, "Name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What references may ask of a step; `type` is None where there is no such type."""

    path: DataPath
    type: StepType | None
    arguments: JSON
    property_files: tuple[str, ...]


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
        step = place.step
        known = Step(
            path=place.path,
            type=STEP_TYPES.get(text_of(step, "Type")),
            arguments=member_at(step, ("Arguments",)),
            property_files=tuple(text_of(item, "PropertyFileName") for item in items_of(step, "PropertyFiles")),
        )
        steps.setdefault(text_of(step, "Name"), known)
    parameters.pop("", None)
    steps.pop("", None)
    return Scope(parameters=parameters, steps=steps)
