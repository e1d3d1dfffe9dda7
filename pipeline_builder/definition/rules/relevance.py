"""Which rules a request can break at all, by the names of its members: most it can't, and these aren't looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.definition.rules.paths import names_in
from pipeline_builder.descriptions import JSON

# The kinds that only what is given can break, by any of the paths that they list; others are about what is missing.
_OF_THE_GIVEN = frozenset(["values", "without", "among", "apart", "fits", "unique"])


def member_names(value: JSON) -> frozenset[str]:
    """Return the names of all members of a request, on all levels."""
    names: set[str] = set()
    _collect(value, names)
    return frozenset(names)


def _collect(value: JSON, names: set[str]) -> None:
    if isinstance(value, dict):
        names.update(value)
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        if isinstance(item, (dict, list)):
            _collect(item, names)


def needed_names(kind: str, spec: Any, of: str, when: Mapping[str, Any]) -> tuple[frozenset[str], ...]:
    """Return sets of names, one of which is whole in any request that breaks a rule."""
    base = names_in(of)
    for path, matcher in when.items():
        if not _holds_without(matcher):
            base |= names_in(path)
    paths = [spec] if isinstance(spec, str) else list(spec) if kind in _OF_THE_GIVEN else [""]
    return tuple(base | names_in(path) for path in paths)


def _holds_without(matcher: Any) -> bool:
    """Tell whether a condition can hold where nothing is given."""
    return isinstance(matcher, Mapping) and ("not" in matcher or matcher.get("given") is False)
