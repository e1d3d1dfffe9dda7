"""Parameters whose names composing has a use for: they get others, wherever they are referred to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.dag import caching
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER
from pipeline_builder.importing.comparing import Difference

_TAKEN = (MANIFEST_PARAMETER, caching.PARAMETER)
_COMMIT = "Commit-"
_BEFORE = "Given"
_GET = "Parameters."
_GENERATION = {"Get": f"{_GET}{caching.PARAMETER}"}
_LONGEST = 64


def rename_taken(definition: Mapping[str, Any]) -> tuple[dict[str, Any], list[Difference]]:
    """Return the definition with other names for such parameters, and what was renamed.

    The generation of the step cache is left out where only composing put it there: it will do so again.
    """
    listed = definition.get("Parameters") or ()
    names = [one["Name"] for one in listed]
    again = {one["Name"] for one in listed if _is_generation(one) and not _is_read(definition["Steps"])}
    taken = {
        name: _other(name, names)
        for name in names
        if (name in _TAKEN or name.startswith(_COMMIT)) and name not in again
    }
    found = [
        Difference(place=f"Parameters[{name}]", given=name, composed=other, why="composing has one of this name")
        for name, other in taken.items()
    ]
    renamed = [{**one, "Name": taken.get(one["Name"], one["Name"])} for one in listed if one["Name"] not in again]
    paths = {f"{_GET}{name}": new for name, new in taken.items()}
    whole = {**definition, "Steps": _replaced(definition["Steps"], paths)}
    return {**whole, "Parameters": renamed} if "Parameters" in definition else whole, found


def _is_generation(one: Mapping[str, Any]) -> bool:
    return one["Name"] == caching.PARAMETER and one.get("DefaultValue") == caching.FIRST


def _is_read(value: Any) -> bool:
    """Tell whether the generation is referred to where composing doesn't put it by itself."""
    if isinstance(value, dict):
        if value == _GENERATION:
            return True
        return any(_is_read(item) for key, item in value.items() if not _is_ours(key, item))
    return isinstance(value, list) and any(map(_is_read, value))


def _is_ours(key: str, item: Any) -> bool:
    return key == caching.VARIABLE and item == _GENERATION


def _other(name: str, names: list[str]) -> str:
    other = f"{_BEFORE}{name}"[:_LONGEST]
    number = 2
    while other in names:
        other, number = f"{_BEFORE}{number}{name}"[:_LONGEST], number + 1
    return other


def _replaced(value: Any, paths: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(path := value.get("Get"), str) and path in paths:
            return {"Get": f"{_GET}{paths[path]}"}
        return {key: item if _is_ours(key, item) else _replaced(item, paths) for key, item in value.items()}
    return [_replaced(item, paths) for item in value] if isinstance(value, list) else value
