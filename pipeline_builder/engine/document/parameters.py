"""Values of pipeline parameters: given as text or as they are, converted to their declared types, and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.document.document import Document, Parameter
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import is_unicode

# Python reads more than the service does: ' 5', '1_000', digits of other scripts.
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_EXPECTED = {
    "String": "Unicode text",
    "Integer": "a whole number such as 5",
    "Float": "a number such as 0.5",
    "Boolean": "true or false",
}


def parameter_values(document: Document, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each parameter: as it was given, a text as the type says, else the default.

    Raises:
        InputProblems: PB505 for a parameter that isn't there, has no value or has a value that isn't allowed; all.
    """
    declared = {parameter.name: parameter for parameter in document.parameters}
    problems = [_unknown(name, declared) for name in given if name not in declared]
    values: dict[str, Any] = {}
    missing = []
    for name, parameter in declared.items():
        value = given.get(name, parameter.default)
        if value is None:
            missing.append(name)
            continue
        values[name] = _converted(parameter, value)
        if values[name] is None:
            expected = f"expected {parameter.type}: {_EXPECTED.get(parameter.type, parameter.type)}"
            problems.append(_problem(f"the parameter '{name}' is {value!r}, {expected}"))
        elif parameter.allowed and values[name] not in parameter.allowed:
            allowed = ", ".join(f"'{item}'" for item in parameter.allowed)
            problems.append(_problem(f"the parameter '{name}' is {value!r}, expected one of {allowed}"))
    if missing:
        problems.append(_missing(missing))
    if problems:
        raise InputProblems(*problems)
    return values


def _converted(parameter: Parameter, value: Any) -> Any:
    """Return the value as the parameter's type, or None where it isn't of that type."""
    match parameter.type:
        case "Integer":
            return _whole(value)
        case "Float":
            # A whole number stays one: given as `2` it is what the default `2` is.
            whole = _whole(value)
            return _number(value) if whole is None else whole
        case "Boolean":
            known = {"true": True, "false": False}
            return value if isinstance(value, bool) else known.get(value.lower()) if isinstance(value, str) else None
        case _:
            return value if isinstance(value, str) and is_unicode(value) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | float):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _unknown(name: str, declared: Mapping[str, Parameter]) -> Problem:
    hint = f"the pipeline's parameters are: {', '.join(sorted(declared))}" if declared else None
    return _problem(f"there is no parameter '{name}'", hint or "the pipeline has no parameters")


def _missing(names: list[str]) -> Problem:
    shown = ", ".join(f"'{name}'" for name in names)
    have = f"the parameter {shown} has" if len(names) == 1 else f"the parameters {shown} have"
    wanted = " ".join(f"--parameter {name}=VALUE" for name in names)
    return _problem(f"{have} no value, and no default", f"give it: {wanted}" if len(names) == 1 else f"give: {wanted}")


def _problem(message: str, hint: str | None = None) -> Problem:
    return Problem(id="PB505", message=message, hint=hint)
