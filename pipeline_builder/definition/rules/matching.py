"""Whether a value is as a rule's row says: true, false, or None where that isn't known yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.definition.rules.paths import Unknown, View
from pipeline_builder.definition.rules.storage import local_storage
from pipeline_builder.descriptions import JSON

Matcher = Any
"""A value, a list of which it may be one, or a mapping of tests, all of which have to hold (see `_TESTS`)."""


def holds(view: View, conditions: Mapping[str, Matcher]) -> bool | None:
    """Tell whether all conditions hold, each a path and what is to be there in one of its places at least."""
    known = True
    for path, matcher in conditions.items():
        answer = _holds(view, path, matcher)
        if answer is False:
            return False
        known = known and answer is not None
    return True if known else None


def _holds(view: View, path: str, matcher: Matcher) -> bool | None:
    found = view.find(path)
    if isinstance(matcher, dict) and "given" in matcher:
        sure = any(item.sure for item in found)
        return None if found and not sure else sure is matcher["given"]
    if not found:
        return isinstance(matcher, dict) and "not" in matcher
    answers = [matches(matcher, item.value) for item in found]
    return True if True in answers else None if None in answers else False


def matches(matcher: Matcher, value: JSON | Unknown) -> bool | None:
    """Tell whether one value is as the matcher says."""
    if isinstance(value, Unknown):
        return None
    if isinstance(matcher, dict):
        answers = [_TESTS[test](value, wanted) for test, wanted in matcher.items()]
        return False if False in answers else None if None in answers else True
    return any(_same(value, wanted) for wanted in (matcher if isinstance(matcher, list) else [matcher]))


def number(value: JSON | Unknown) -> float | None:
    """Return a number, or a text that is one (ranges of hyperparameters are texts); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of any length
        return _INFINITE if value > 0 else -_INFINITE  # type: ignore[operator] # a text overflows to infinity itself
    except ValueError:
        return None


def _same(value: JSON, wanted: JSON) -> bool:
    return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)


def _storage(value: JSON, wanted: str) -> bool | None:
    """`local`: the instance type has a disk of its own; `volume`: it has not; other texts are no instance type."""
    size = local_storage(value) if isinstance(value, str) else None
    return None if size is None else (size > 0) is (wanted == "local")


def _text(value: JSON, pattern: str) -> bool:
    return isinstance(value, str) and re.search(pattern, value) is not None


def _compared(value: JSON, low: float, high: float) -> bool | None:
    found = number(value)
    return None if found is None else low <= found <= high


_INFINITE = float("inf")
_TESTS = {
    "not": lambda value, wanted: not matches(wanted, value),
    "like": _text,
    "unlike": lambda value, pattern: not _text(value, pattern),
    "least": lambda value, low: _compared(value, low, _INFINITE),
    "most": lambda value, high: _compared(value, -_INFINITE, high),
    "over": lambda value, low: (found := number(value)) is not None and found > low,
    "under": lambda value, high: (found := number(value)) is not None and found < high,
    "storage": _storage,
}
