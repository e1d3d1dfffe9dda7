"""Paths into a property file, as `Std:JsonGet` takes them: names and indexes that lead to one value.

SageMaker's developer guide ("Property Files and JsonGet") points to the Java library JsonPath for what they mean. That
takes a path with and without `$` in front, and a name with a dot, a blank or a parenthesis in brackets only: it ends a
name at a dot, refuses a blank (json-path/JsonPath, issues 291 and 482), and takes a parenthesis for a function's. Paths
to several values (`*`, `..`, filters) can't be compared with anything, and are none here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_IN_BRACKETS = r"\.?\[(?:(?P<index>-?\d{1,9})|'(?P<one>[^']*)'|\"(?P<other>[^\"]*)\")\]"
_PLAIN = r"[^.\[\]'\"(\s*$@][^.\[\]'\"(\s]*"
_PART = re.compile(rf"\.(?P<name>{_PLAIN})(?=[.\[]|$)|{_IN_BRACKETS}")
# What has been judged by is read as it was then: a name with a blank by itself, which no conf has any more.
_KNOWN = re.compile(rf"\.(?P<name>[^.\[\]'\"]+)|{_IN_BRACKETS}")
_UNQUOTED = re.compile(r"\.([^.\[\]'\"]*[(\s][^.\[\]'\"]*)")
_BLANK = re.compile(r"(?:^|\.)([^.\[\]'\"]*\s[^.\[\]'\"]*)")
_MOST_SHOWN = 10


class PathError(ValueError):
    """A path that can't be read, or leads nowhere; it says why."""


def check_path(path: str) -> None:
    """Refuse a path that SageMaker doesn't take, or that leads to more than one value.

    Raises:
        PathError: it is such a one.
    """
    for _ in _parts(path, _PART):
        pass


def value_at(report: Any, path: str) -> Any:
    """Return what is at a path of a report.

    Raises:
        PathError: nothing is, or the path is none.
    """
    begin = 0
    for part, end in _parts(path, _KNOWN):
        is_there = part in report if isinstance(report, dict) else _has_item(report, part)
        if not is_there:
            where = f"'{path[:begin]}'" if begin else "the file"
            rest = path[begin:].removeprefix("$").removeprefix(".")
            raise PathError(f"it has no '{path}': {where} has {_members(report)}{_advice(report, rest)}")
        report, begin = report[part], end
    return report


def spoken(path: str) -> str:
    """Return a path as a reader sees it, its names with dots between; what is none as it is."""
    try:
        parts = [part for part, _ in _parts(path, _KNOWN)]
    except PathError:
        return path
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def bare_blank(path: str) -> str:
    """Return how a name of a path has to be written that has a blank and no brackets; empty where none has.

    Filters and functions may have blanks.
    """
    outside = re.sub(r"\[[^\]]*\]", "[]", re.sub(_IN_BRACKETS, "[]", path))
    found = _BLANK.search(outside) if "(" not in path else None
    return _written(found[1]) if found else ""


def _parts(path: str, one: re.Pattern[str]) -> Iterator[tuple[str | int, int]]:
    """Yield each name and index with where it ends in the path."""
    text = path[1:] if path[:2] in ("$.", "$[") else path if path[:1] == "[" else f".{path}"
    position, shift = 0, len(path) - len(text)
    while position < len(text):
        match = one.match(text, position)
        if match is None:
            raise PathError(_unread(path, path[max(0, position + shift) :], text[position:]))
        name = next((match[key] for key in ("name", "one", "other") if match[key] is not None), None)
        position = match.end()
        yield int(match["index"]) if name is None else name, position + shift


def _unread(path: str, shown: str, rest: str) -> str:
    """Say from where on a path can't be read, and how it would be."""
    said = f"the path '{path}' can't be read from '{shown}' on"
    name = _UNQUOTED.match(rest)
    return f"{said}; a name with a blank or a parenthesis is written {_written(name[1])}" if name else said


def _written(name: str) -> str:
    return f"['{name}']" if "'" not in name else f'["{name}"]'


def _has_item(value: Any, part: str | int) -> bool:
    return isinstance(value, list) and isinstance(part, int) and -len(value) <= part < len(value)


def _members(value: Any) -> str:
    """Say what could have been asked for."""
    if isinstance(value, list):
        return f"{len(value)} items"
    if not isinstance(value, dict):
        return "nothing below it"
    names = [f"'{name}'" for name in value]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (", ".join(names[:_MOST_SHOWN]) or "no members") + more


def _advice(value: Any, rest: str) -> str:
    """Say how a name is written that a path has cut at its dot."""
    names = value if isinstance(value, dict) else ()
    found = next((name for name in names if "." in name and f"{rest}.".startswith((f"{name}.", f"{name}["))), "")
    return f"; a name with a dot in it is written {_written(found)}" if found else ""
