"""The part of JSONPath that batch transform takes, read into steps that JSON can carry.

No library is it: RFC 9535, which well-kept ones follow, gives lists of nodes and knows no `$.a.['b','c']`, and ranges
beside each other it takes where SageMaker says no. Sources: SageMaker's developer guide, "Supported JSONPath
Operators", which points to the Java library JsonPath for their meaning; its refusals as users met them
(aws/sagemaker-python-sdk, issue 1112; aws/aws-sdk, issue 184).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Path = list[list[Any]]
"""["name", text], ["names", [text, …]], ["item", n], ["items", [n | [start, end], …]], ["all"]; numbers may be None."""

_OPERATORS = "'$', '.', '*', '[', ']', ',', ':', '-', \"'\""
_NAME = re.compile(r"\.(?:(?P<all>\*)|(?P<name>[\w-]+))")
_BRACKET = re.compile(r"\.?\[\s*(?P<inner>\*|'[^']*'(?:\s*,\s*'[^']*')*|[-\d:,\s]+)\s*\]")
_QUOTED = re.compile(r"'([^']*)'")
_NUMBER = re.compile(r"-?\d{1,9}")
_RANGE = re.compile(r"(-?\d{1,9})?\s*:\s*(-?\d{1,9})?")


class FilterError(ValueError):
    """A text that SageMaker doesn't take as a filter; it says why."""


def parse_filter(text: str) -> Path:
    """Return the steps of a filter, none for `$`, which is everything.

    Raises:
        FilterError: it is none that batch transform takes.
    """
    if not text.startswith("$"):
        raise FilterError("it must begin with '$', the root")
    path: Path = []
    position = 1
    while position < len(text):
        match = _NAME.match(text, position) or _BRACKET.match(text, position)
        if match is None:
            raise FilterError(f"{text[position:]!r} can't be read; what is known are {_OPERATORS}, and names")
        path.append(_named(match) if match.re is _NAME else _bracketed(match["inner"].strip()))
        position = match.end()
    return path


def is_row_path(path: Path) -> bool:
    """Tell whether a filter picks columns of a row: CSV has no names, and nothing within a value."""
    return len(path) <= 1 and all(step[0] in ("item", "items", "all") for step in path)


def names_in(path: Path) -> Iterator[str]:
    """Yield the names that a filter asks for."""
    for step in path:
        if step[0] == "name":
            yield step[1]
        elif step[0] == "names":
            yield from step[1]


def ranges_in(path: Path) -> Iterator[tuple[int | None, int | None]]:
    """Yield the ranges that a filter asks for."""
    for step in path:
        if step[0] == "items":
            yield from ((part[0], part[1]) for part in step[1] if isinstance(part, list))


def _named(match: re.Match[str]) -> list[Any]:
    return ["all"] if match["all"] else ["name", match["name"]]


def _bracketed(inner: str) -> list[Any]:
    if inner == "*":
        return ["all"]
    if inner.startswith("'"):
        names = _QUOTED.findall(inner)
        if any("." in name for name in names) and len(names) > 1:
            raise FilterError(f"[{inner}] has a child of a child, which brackets with several names don't take")
        return ["name", names[0]] if len(names) == 1 else ["names", names]
    parts = [_part(part.strip(), inner) for part in inner.split(",")]
    ranges = [part for part in parts if isinstance(part, list)]
    if len(ranges) > 1:
        raise FilterError(f"only single range filters of format (eg: [1:5]) are supported, and [{inner}] has several")
    return ["item", parts[0]] if len(parts) == 1 and not ranges else ["items", parts]


def _part(text: str, inner: str) -> Any:
    if _NUMBER.fullmatch(text):
        return int(text)
    match = _RANGE.fullmatch(text)
    if match is None:
        raise FilterError(f"[{inner}] is neither a number, numbers, nor a range such as [1:5]")
    start, end = match.groups()
    return [int(start) if start else None, int(end) if end else None]
