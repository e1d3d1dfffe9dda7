"""What a filter of a batch transform picks of a value; its steps are those of `dag/jsonpath`, which has read it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Path = Sequence[Sequence[Any]]

_SEVERAL = ("items", "all")


class SelectError(ValueError):
    """A value hasn't what a filter asks for."""


def select(path: Path, value: Any) -> Any:
    """Return what the steps of a filter lead to: a value, or of steps that lead to several a list.

    Several names make an object of those that are there. The end of a range isn't in it.

    Raises:
        SelectError: a single name or number isn't there.
    """
    if not path:
        return value
    step, rest = path[0], path[1:]
    if step[0] == "name":
        return select(rest, _member(value, step[1]))
    if step[0] == "item":
        return select(rest, _element(value, step[1]))
    if step[0] == "names" and not rest:
        return {name: value[name] for name in step[1] if name in _object(value)}
    found = _several(step, value)
    return found if not rest else _each(rest, found)


def picker(path: Path) -> Callable[[list[Any]], Sequence[Any]]:
    """Return what picks of a row's columns those that a filter asks for; it raises SelectError where one isn't there.

    A range, or several numbers, are what most filters of millions of rows have: these are quick.
    """
    if path and path[0][0] not in _SEVERAL:
        return lambda fields: [select(path, fields)]
    parts = path[0][1] if len(path) == 1 and path[0][0] == "items" else []
    if len(parts) == 1 and isinstance(parts[0], list):
        part = slice(*parts[0])
        return lambda fields: fields[part]
    if len(parts) > 1 and not any(isinstance(part, list) for part in parts):
        return _numbers(path, operator.itemgetter(*parts))
    return lambda fields: select(path, fields)


def _numbers(path: Path, get: Callable[[list[Any]], Sequence[Any]]) -> Callable[[list[Any]], Sequence[Any]]:
    def picked(fields: list[Any]) -> Sequence[Any]:
        try:
            return get(fields)
        except IndexError:
            return select(path, fields)  # type: ignore[no-any-return] # it says which one

    return picked


def _each(rest: Path, values: Sequence[Any]) -> list[Any]:
    found = []
    for value in values:
        try:
            chosen = select(rest, value)
        except SelectError:
            continue  # of several those count that have it
        if any(step[0] in _SEVERAL for step in rest):
            found += chosen
        else:
            found.append(chosen)
    return found


def _several(step: Sequence[Any], value: Any) -> list[Any]:
    if step[0] == "all":
        if isinstance(value, dict):
            return list(value.values())
        return list(_list(value, "*"))
    if step[0] == "names":
        return [value[name] for name in step[1] if name in _object(value)]
    found = []
    for part in step[1]:
        if isinstance(part, list):
            found += _list(value, "a range")[slice(*part)]
        else:
            found.append(_element(value, part))
    return found


def _member(value: Any, name: str) -> Any:
    if name not in _object(value):
        raise SelectError(f"there is no '{name}', only: {', '.join(map(str, list(value)[:10])) or 'nothing'}")
    return value[name]


def _element(value: Any, number: int) -> Any:
    values = _list(value, f"[{number}]")
    if not -len(values) <= number < len(values):
        raise SelectError(f"there is no [{number}], only {len(values)} of them")
    return values[number]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SelectError(f"a name is asked for, and the value is of type '{type(value).__name__}'")
    return value


def _list(value: Any, asked: str) -> list[Any]:
    if not isinstance(value, list):
        raise SelectError(f"{asked} is asked for, and the value is of type '{type(value).__name__}'")
    return value
