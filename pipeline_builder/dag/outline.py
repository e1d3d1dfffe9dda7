"""The outline of a definition: every step, nested ones too, and what it depends on, out of the definition itself."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.descriptions import JSON

BRANCHES = ("IfSteps", "ElseSteps")
NESTED: Mapping[str, tuple[str, ...]] = {"Condition": BRANCHES, "ForEach": ("ForEachBody",)}
"""The members of a step's arguments that hold steps, by its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedStep:
    """A step: what it depends on is its Condition step, its DependsOn, and every step that it refers to."""

    name: str
    type: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step as it is drawn; `status` and `seconds` where it has run, `given` (cached, stub) where it had not to."""

    name: str
    type: str
    step_class: str
    model: str
    depends_on: tuple[str, ...] = ()
    status: str = ""
    seconds: float | None = None
    given: str = ""


@functools.lru_cache(maxsize=4)  # a command asks for the same bytes several times
def outline(content: bytes) -> tuple[OutlinedStep, ...]:
    """Return the steps in the order of the document, each Condition step before the steps inside of it."""
    definition: JSON = json.loads(content)
    assert isinstance(definition, dict)
    found = list(_steps(definition.get("Steps"), ()))
    names = {step.name for step in found}
    return tuple(
        OutlinedStep(name=step.name, type=step.type, depends_on=tuple(n for n in step.depends_on if n in names))
        for step in found
    )


def _steps(steps: JSON, condition: tuple[str, ...]) -> Iterator[OutlinedStep]:
    for step in steps if isinstance(steps, list) else ():
        assert isinstance(step, dict)
        name, arguments = str(step["Name"]), step.get("Arguments")
        inside: dict[str, JSON] = {}
        nested = NESTED.get(str(step["Type"]), ())
        if isinstance(arguments, dict):
            inside = {key: arguments[key] for key in nested if key in arguments}
            arguments = {key: value for key, value in arguments.items() if key not in nested}
        asked = step.get("DependsOn")
        explicit = [_name(item) for item in asked] if isinstance(asked, list) else []
        before = dict.fromkeys((*condition, *explicit, *referred_steps(arguments)))
        yield OutlinedStep(name=name, type=str(step["Type"]), depends_on=tuple(before))
        for branch in inside.values():
            yield from _steps(branch, (name,))


def _name(dependency: JSON) -> str:
    return str(dependency.get("Step")) if isinstance(dependency, dict) else str(dependency)


def referred_steps(value: JSON) -> list[str]:
    """Return the name of each step that a value refers to, as often as it does."""
    found: list[str] = []
    _collect(value, found)
    return found


def _collect(value: JSON, found: list[str]) -> None:
    if isinstance(value, dict):
        path = value.get("Get")
        if isinstance(path, str) and path.startswith("Steps."):
            found.append(path.split(".")[1])
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        if isinstance(item, dict | list):
            _collect(item, found)


def by_name(items: JSON) -> dict[str, JSON]:
    """Return the items of a list by their names; what has none is refused elsewhere."""
    found = items if isinstance(items, list) else []
    return {str(item["Name"]): item for item in found if isinstance(item, dict) and "Name" in item}


def flat_steps(items: JSON) -> dict[str, JSON]:
    """Return every step by name; of those inside of a Condition step it keeps the names only."""
    found: dict[str, JSON] = {}
    for name, step in by_name(items).items():
        arguments = step.get("Arguments") if isinstance(step, dict) else None
        found[name] = step
        members = NESTED.get(str(step.get("Type")), ()) if isinstance(step, dict) else ()
        if isinstance(step, dict) and isinstance(arguments, dict) and members:
            inside = {branch: flat_steps(arguments.get(branch)) for branch in members if branch in arguments}
            names: dict[str, JSON] = {branch: list(steps) for branch, steps in inside.items()}
            found[name] = {**step, "Arguments": {**arguments, **names}}
            for steps in inside.values():
                found |= steps
    return found


# What is under these members says where a model came from; it decides nothing about the outcome.
_PROVENANCE = ("MetadataProperties", "CustomerMetadataProperties", "Tags")


def decisive_parameters(content: bytes) -> frozenset[str]:
    """Return the parameters that decide about an execution's outcome: all that are used, but for provenance."""
    definition: JSON = json.loads(content)
    assert isinstance(definition, dict)
    return frozenset(_parameters(definition.get("Steps")))


def _parameters(value: JSON) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _parameters(item)
    elif isinstance(value, dict):
        path = value.get("Get")
        if isinstance(path, str) and path.startswith("Parameters."):
            yield path.removeprefix("Parameters.")
        for key, item in value.items():
            if key not in _PROVENANCE:
                yield from _parameters(item)
