"""Which requests no rule can tell from each other: they differ only in texts of which no rule asks what they are."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.definition.rules.table import Rule, groups_of
from pipeline_builder.definition.shapes.fault import is_reference
from pipeline_builder.descriptions import JSON

# The kinds that ask only whether a member is given.
_OF_PRESENCE = frozenset(
    ["exactly_one", "at_most_one", "at_least_one", "needs", "all_or_none", "together", "without"]
)  # fmt: skip
_NAME = re.compile(r"\w+")


def likeness(step_type: str, request: JSON) -> str:
    """Return a text that is the same for requests that break the same rules at the same places.

    A text that nobody compares stands as its length, and as which of them it is: what is equal stays equal.
    """
    compared = _compared(step_type)
    seen: dict[str, int] = {}

    def reduce(value: JSON, name: str) -> JSON:
        if isinstance(value, str):
            return value if name in compared else f"{seen.setdefault(value, len(seen))}:{len(value.encode())}"
        if isinstance(value, list):
            return [reduce(item, name) for item in value]
        if not isinstance(value, dict):
            return value
        if is_reference(value):
            return {"Get": seen.setdefault(repr(value), len(seen))}
        return {key: reduce(item, key) if isinstance(item, (str, dict, list)) else item for key, item in value.items()}

    return repr(reduce(request, ""))


@functools.cache
def _compared(step_type: str) -> frozenset[str]:
    """Return all names in the tables of a step type that are, or could be, of members whose values a rule compares."""
    return frozenset(
        name
        for group in groups_of(step_type)
        for rule in group.rules
        for text in texts_of(_comparing(rule))
        for name in _NAME.findall(text)
    )


def _comparing(rule: Rule) -> Any:
    """Return what of a rule's row may name members of which it compares the values."""
    when = {path: matcher for path, matcher in rule.when.items() if not _is_presence(matcher)}
    return [when, None if rule.kind in _OF_PRESENCE else rule.spec]


def _is_presence(matcher: Any) -> bool:
    return isinstance(matcher, Mapping) and matcher.keys() == {"given"}


def texts_of(value: Any) -> list[str]:
    """Return every text in a value, keys among them."""
    found: list[str] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[str]) -> None:
    # Into a list, and dict before Mapping, which takes long to tell: this looks at all shapes of SageMaker's.
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, (dict, Mapping)):
        found.extend(value)
        for item in value.values():
            _collect(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, found)
