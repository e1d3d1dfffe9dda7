"""Conditions: how a Condition step is decided. All pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline_builder.errors import InputProblems, Problem

OUTCOME = "Outcome"
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def decide(conditions: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether all of the conditions hold; references in them are resolved already.

    Raises:
        InputProblems: PB507 for values that can't be compared, or a condition that isn't known or isn't whole.
    """
    try:
        # Every one is looked at, so that a wrong one is found whatever the others say.
        found = [_holds(condition) for condition in conditions]
    except (KeyError, AttributeError) as error:
        raise _refused(f"a condition isn't whole: {error!r}") from error
    return all(found)


def _holds(condition: Mapping[str, Any]) -> bool:
    match condition.get("Type"):
        case "Equals":
            return _equal(condition["LeftValue"], condition["RightValue"])
        case str(kind) if kind in _ORDERED:
            left, right = condition["LeftValue"], condition["RightValue"]
            if _kind(left) != _kind(right) or _kind(left) == "boolean":
                raise _refused(f"{left!r} and {right!r} can't be compared with '{kind}', which takes two numbers")
            return _ORDERED[kind](left, right)
        case "In":
            return any(_equal(condition["QueryValue"], value) for value in condition["Values"])
        case "Not":
            return not _holds(condition["Condition"])
        case "Or":
            found = [_holds(item) for item in condition["Conditions"]]
            return any(found)
        case other:
            raise _refused(f"the local engine doesn't know the condition '{other}'")


def _equal(left: Any, right: Any) -> bool:
    # In Python True is 1; in a definition a flag is no number.
    if {_kind(left), _kind(right)} == {"boolean", "text"}:
        return str(left) == str(right)  # definitions of before have an outcome as a text; `validate` refuses new ones
    return _kind(left) == _kind(right) and bool(left == right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _refused(message: str) -> InputProblems:
    return InputProblems(Problem(id="PB507", message=message))
