"""References of a definition, resolved: parameters, execution variables, properties of steps that have ended, joins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.engine.document import Document, Parameter
from pipeline_builder.errors import InputProblems, Problem

# A path: names with dots between them, each with list indices or quoted names behind it.
_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']*)'\]")
# Lists of structures that a path may look into by name, by the member that has the name.
_NAME_KEYS = ("OutputName", "InputName", "ChannelName", "Name")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}


class UnresolvedError(Exception):
    """A reference to a step that has no result (yet); `step` is its name."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What references can see. `results` maps the steps that have ended to their Describe-shaped results."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def resolve(value: Any, scope: Scope) -> Any:
    """Return the value with every reference below it replaced.

    Raises:
        UnresolvedError: for a property of a step that has no result.
        InputProblems: PB504 for a reference that leads nowhere.
    """
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("Get"), str) and len(value) == 1:
        return _get(value["Get"], scope)
    if "Std:Join" in value and len(value) == 1:
        join = value["Std:Join"]
        return str(join["On"]).join(_joined(resolve(item, scope)) for item in join["Values"])
    if any(key.startswith("Std:") for key in value):
        raise _broken(next(iter(value)), "the local engine doesn't support this function yet")
    return {key: resolve(item, scope) for key, item in value.items()}


def _joined(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _get(path: str, scope: Scope) -> Any:
    kind, _, rest = path.partition(".")
    if kind == "Parameters" and rest in scope.parameters:
        return scope.parameters[rest]
    if kind == "Execution" and rest in scope.execution:
        return scope.execution[rest]
    if kind != "Steps":
        raise _broken(path, "there is no such parameter or execution variable")
    step, _, inner = rest.partition(".")
    if step not in scope.results:
        raise UnresolvedError(step)
    return _walk(scope.results[step], inner, path)


def _walk(value: Any, inner: str, path: str) -> Any:
    position = 0
    while position < len(inner):
        match = _PART.match(inner, position)
        if not match:
            raise _broken(path, f"it can't be read from '{inner[position:]}' on")
        position = match.end()
        name, index, quoted = match.groups()
        value = _member(value, name or quoted, int(index) if index else None, path)
    return value


def _member(value: Any, name: str | None, index: int | None, path: str) -> Any:
    if isinstance(value, Mapping) and name is not None and name in value:
        return value[name]
    if isinstance(value, list) and index is not None and index < len(value):
        return value[index]
    if isinstance(value, list) and name is not None:
        for item in value:
            if any(item.get(key) == name for key in _NAME_KEYS):
                return item
    raise _broken(path, f"the step's result has no '{name if index is None else index}' there")


def _broken(path: str, why: str) -> InputProblems:
    return InputProblems(Problem(id="PB504", message=f"the reference '{path}' leads nowhere: {why}"))


def parameter_values(document: Document, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each parameter: as it was given, else the default.

    Raises:
        InputProblems: PB505 for a parameter that isn't there, has no value or has a value of another type; all of them.
    """
    declared = {parameter.name: parameter for parameter in document.parameters}
    problems = [_parameter_problem(f"there is no parameter '{name}'") for name in given if name not in declared]
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.default)
        if value is None:
            problems.append(_parameter_problem(f"the parameter '{name}' has no value"))
        elif not _fits(parameter, value):
            message = f"the parameter '{name}' is {value!r}, expected {parameter.type}"
            problems.append(_parameter_problem(message))
        values[name] = value
    if problems:
        raise InputProblems(*problems)
    return values


def _fits(parameter: Parameter, value: Any) -> bool:
    if isinstance(value, bool) and parameter.type != "Boolean":
        return False
    return isinstance(value, _TYPES.get(parameter.type, (str,)))


def _parameter_problem(message: str) -> Problem:
    return Problem(id="PB505", message=message)
