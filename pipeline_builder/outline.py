"""The outline of a definition: every step, nested ones too, and what it depends on, out of the definition itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline_builder.target import JSON

BRANCHES = ("IfSteps", "ElseSteps")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedStep:
    """A step: what it depends on is its Condition step, its DependsOn, and every step that it refers to."""

    name: str
    type: str
    depends_on: tuple[str, ...]


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
        if step["Type"] == "Condition" and isinstance(arguments, dict):
            inside = {key: arguments[key] for key in BRANCHES if key in arguments}
            arguments = {key: value for key, value in arguments.items() if key not in BRANCHES}
        asked = step.get("DependsOn")
        explicit = [_name(item) for item in asked] if isinstance(asked, list) else []
        before = dict.fromkeys((*condition, *explicit, *_referred(arguments)))
        yield OutlinedStep(name=name, type=str(step["Type"]), depends_on=tuple(before))
        for branch in inside.values():
            yield from _steps(branch, (name,))


def _name(dependency: JSON) -> str:
    return str(dependency.get("Step")) if isinstance(dependency, dict) else str(dependency)


def _referred(value: JSON) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _referred(item)
    elif isinstance(value, dict):
        path = value.get("Get")
        if isinstance(path, str) and path.startswith("Steps."):
            yield path.split(".")[1]
        for item in value.values():
            yield from _referred(item)
