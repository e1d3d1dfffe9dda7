"""The definition as the engine reads it: steps with their edges in topological order, or why it can't run them."""

from __future__ import annotations

import graphlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.errors import InputProblems, Problem

VERSION = "2020-12-01"
STEP_TYPES = ("Processing", "Training", "Model", "Transform", "RegisterModel")
# What a step may have besides; anything else asks for something that would not happen.
_STEP_KEYS = {"Name", "Type", "Arguments", "DependsOn", "CacheConfig", "PropertyFiles", "DisplayName", "Description"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as it stands in the definition; `before` has all that it waits for, by DependsOn or by reference."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    before: tuple[str, ...]
    cached: bool = False
    expire_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A pipeline parameter; `default` is None where a value has to be given."""

    name: str
    type: str
    default: str | int | float | bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A definition that the engine can run; `steps` are in topological order, stable against the document's."""

    content: bytes
    sha256: str
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)


def load_definition(content: bytes) -> Document:
    """Read a definition.

    Raises:
        InputProblems: PB501 for what the engine can't execute, PB502 for an unknown step, PB503 for a cycle.
    """
    try:
        data = json.loads(content)
        raw: list[dict[str, Any]] = list(data["Steps"])
        names = [str(step["Name"]) for step in raw]
        version = data["Version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputProblems(_problem("PB501", f"this is no pipeline definition: {error}")) from error
    problems = [problem for step in raw for problem in _refused(step, names)]
    if version != VERSION:
        problems.append(_problem("PB501", f"the definition has version '{version}', expected '{VERSION}'"))
    if problems:
        raise InputProblems(*problems)
    steps = {str(step["Name"]): _step(step) for step in raw}
    return Document(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        steps=_ordered(steps),
        parameters=tuple(_parameter(item) for item in data.get("Parameters") or ()),
    )


def _refused(step: Mapping[str, Any], names: list[str]) -> Iterator[Problem]:
    name = step["Name"]
    if step.get("Type") not in STEP_TYPES:
        known = ", ".join(STEP_TYPES)
        yield _problem("PB501", f"step '{name}': the local engine can't run a '{step.get('Type')}' step, only: {known}")
    for key in sorted(set(step) - _STEP_KEYS):
        yield _problem("PB501", f"step '{name}': the local engine doesn't support '{key}' yet")
    if names.count(name) > 1:
        yield _problem("PB502", f"step '{name}' stands {names.count(name)} times in the definition")
    for before in step.get("DependsOn") or ():
        if not isinstance(before, str):
            yield _problem("PB501", f"step '{name}': the local engine doesn't support a condition in 'DependsOn' yet")
    for before in _before(step):
        if before not in names:
            yield _problem("PB502", f"step '{name}' refers to the step '{before}', which isn't there")


def _step(step: Mapping[str, Any]) -> Step:
    cache = step.get("CacheConfig") or {}
    return Step(
        name=str(step["Name"]),
        type=str(step["Type"]),
        arguments=step.get("Arguments") or {},
        before=_before(step),
        cached=bool(cache.get("Enabled")),
        expire_after=str(cache.get("ExpireAfter") or ""),
    )


def _before(step: Mapping[str, Any]) -> tuple[str, ...]:
    asked = [name for name in step.get("DependsOn") or () if isinstance(name, str)]
    referred = [path.split(".")[1].split("[")[0] for path in references(step.get("Arguments")) if path[:6] == "Steps."]
    return tuple(dict.fromkeys((*asked, *referred)))


def references(value: Any) -> Iterator[str]:
    """Yield the path of every `Get` below a value."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("Get"), str) and len(value) == 1:
            yield value["Get"]
        for item in value.values():
            yield from references(item)


def _parameter(item: Mapping[str, Any]) -> Parameter:
    return Parameter(name=str(item["Name"]), type=str(item["Type"]), default=item.get("DefaultValue"))


def _ordered(steps: dict[str, Step]) -> tuple[Step, ...]:
    sorter = graphlib.TopologicalSorter({name: step.before for name, step in steps.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = " >> ".join(error.args[1])
        raise InputProblems(_problem("PB503", f"the steps depend on each other in a cycle: {cycle}")) from None
    position = {name: index for index, name in enumerate(steps)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(steps[name] for name in order)


def _problem(problem_id: str, message: str) -> Problem:
    return Problem(id=problem_id, message=message)
