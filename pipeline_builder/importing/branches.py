"""Condition and Fail steps in their own keys: what is compared, and what an execution fails with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.dag.property_paths import PathError, check_path
from pipeline_builder.importing.wording import worded

Mapped = dict[str, Any]
_OPERATORS = {
    "Equals": ("is", "is_not"),
    "In": ("in", "not_in"),
    "GreaterThan": ("more_than", ""),
    "GreaterThanOrEqualTo": ("at_least", ""),
    "LessThan": ("less_than", ""),
    "LessThanOrEqualTo": ("at_most", ""),
}
_FILE = re.compile(r"Steps\.(?P<step>[^.\[]+)\.PropertyFiles\.(?P<file>[A-Za-z0-9_-]+)")
_PROPERTY = re.compile(r"Steps\.(?P<step>[^.\[]+)\.(?P<property>.+)")


class UnsaidError(Exception):
    """There are no keys for it."""


def say_condition(step: Mapped) -> Mapped | None:
    """Return the keys of a Condition step; None where they don't reach."""
    arguments = step.get("Arguments") or {}
    try:
        entries = [_entry(one) for one in arguments["Conditions"]]
    except (UnsaidError, KeyError, TypeError):
        return None
    if not entries or set(arguments) - {"Conditions", "IfSteps", "ElseSteps"}:
        return None
    branches = {
        key: [one["Name"] for one in arguments.get(member) or []]
        for key, member in (("if", "IfSteps"), ("else", "ElseSteps"))
    }
    return {"conditions": entries, **{key: names for key, names in branches.items() if names}}


def say_fail(step: Mapped) -> Mapped | None:
    """Return the key of a Fail step."""
    arguments = step.get("Arguments") or {}
    message = arguments.get("ErrorMessage")
    if set(arguments) != {"ErrorMessage"} or message in (None, "", []):
        return None
    joined = message.get("Std:Join") if isinstance(message, dict) else None
    if isinstance(joined, dict) and joined.get("On") == "" and isinstance(joined.get("Values"), list):
        try:
            return {"message": [worded(part) if isinstance(part, str) else operand(part) for part in joined["Values"]]}
        except UnsaidError:
            return {"message": worded(message)}
    return {"message": worded(message)}


def _entry(one: Mapped) -> Mapped:
    kind = one["Type"]
    if kind == "Not":
        inner = one["Condition"]
        negated = _OPERATORS.get(inner["Type"], ("", ""))[1]
        return _compared(inner, negated) if negated else {"not": _entry(inner)}
    if kind == "Or":
        return {"any": [_entry(part) for part in one["Conditions"]]}
    if kind not in _OPERATORS:
        raise UnsaidError
    return _compared(one, _OPERATORS[kind][0])


def _compared(one: Mapped, operator: str) -> Mapped:
    if one["Type"] == "In":
        return {**_left(one["QueryValue"]), operator: [_right(value) for value in one["Values"]]}
    return {**_left(one["LeftValue"]), operator: _right(one["RightValue"])}


def _left(value: Any) -> Mapped:
    if isinstance(value, dict):
        try:
            found = operand(value)
            if isinstance(found, dict):
                return found
        except UnsaidError:
            pass
    return {"value": worded(value)}


def _right(value: Any) -> Any:
    if not isinstance(value, dict):
        return worded(value)
    try:
        return operand(value)
    except UnsaidError:
        return worded(value)


def operand(value: Any) -> Any:
    """Return a value of a run by what it is: a metric, a property, a parameter, a variable.

    Raises:
        UnsaidError: where it is none of these.
    """
    if not isinstance(value, dict):
        raise UnsaidError
    if "Std:JsonGet" in value and len(value) == 1:
        return _metric(value["Std:JsonGet"])
    path = value.get("Get") if len(value) == 1 else None
    if not isinstance(path, str):
        raise UnsaidError
    if path.startswith("Parameters."):
        return {"parameter": path.removeprefix("Parameters.")}
    if path.startswith("Execution."):
        return {"variable": path.removeprefix("Execution.")}
    if found := _PROPERTY.fullmatch(path):
        return {"property": found["property"], "of": found["step"]}
    raise UnsaidError


def _metric(inner: Any) -> Mapped:
    if not isinstance(inner, Mapping):
        raise UnsaidError
    source, path = inner.get("PropertyFile"), inner.get("Path")
    named = source.get("Get") if isinstance(source, dict) else None
    found = _FILE.fullmatch(named) if isinstance(named, str) else None
    if found is None or not isinstance(path, str) or set(inner) != {"PropertyFile", "Path"}:
        raise UnsaidError
    try:
        check_path(path)
    except PathError:  # to several values, or with a filter: it stays as it is
        raise UnsaidError from None
    return {"metric": path, "of": found["step"], "file": found["file"]}
