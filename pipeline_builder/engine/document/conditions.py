"""Conditions: how a Condition step is decided, and which steps will not run because of it. All pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pipeline_builder.engine.document.document import Document, Step
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
    return _kind(left) == _kind(right) and bool(left == right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _refused(message: str) -> InputProblems:
    return InputProblems(Problem(id="PB507", message=message))


def skipped_steps(document: Document, results: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Return the steps that will not run: those of a branch that was not taken, and all that wait for one of them.

    What was decided is in `results`, the conditions' own: there is no second record that could say something else.
    """
    skipped: set[str] = set()
    for step in document.steps:
        if is_skipped(step, results, skipped):
            skipped.add(step.name)
    return frozenset(skipped)


def is_skipped(step: Step, results: Mapping[str, Mapping[str, Any]], skipped: Collection[str]) -> bool:
    """Tell whether a step will not run; `skipped` has those of the steps before it that won't."""
    branch = step.branch
    outcome = results.get(branch.condition, {}).get(OUTCOME) if branch else None
    other = branch is not None and outcome is not None and outcome != str(branch.outcome)
    return other or any(name in skipped for name in step.before)
