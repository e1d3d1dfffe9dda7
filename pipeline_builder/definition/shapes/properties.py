"""Property paths: what `Steps.<name>.` is followed by, from the shape of a response on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.definition.shapes.values import Shape
from pipeline_builder.documents.schema import did_you_mean

# The member by which a property path looks into a list of structures: Outputs['train'].
_NAME_MEMBERS = ("OutputName", "InputName", "ChannelName", "MetricName")
_PART = re.compile(r"\.(?P<member>[A-Za-z0-9_-]+)|\[(?P<index>\d+)\]|\[(?P<quote>['\"])(?P<name>[^'\"]*)(?P=quote)\]")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A look into the list at `path` of the response: by `key` (the member that has the name), or by index."""

    path: tuple[str, ...]
    key: str
    at: str | int


@dataclass(frozen=True, slots=True)
class Property:
    """Where a property path ends: the shape's type, and every look into a list on the way."""

    type: str
    lookups: tuple[Lookup, ...] = ()


@dataclass(frozen=True, slots=True)
class NoProperty:
    """Why a property path leads nowhere."""

    message: str
    hint: str | None = None


def follow(shapes: Mapping[str, Shape], name: str, path: str) -> Property | NoProperty:
    """Follow a path such as `ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri` from the shape on."""
    position, members, lookups = 0, list[str](), list[Lookup]()
    path = f".{path}"
    while position < len(path) and shapes[name]["type"] != "anything":
        part = _PART.match(path, position)
        if part is None:
            return NoProperty(f"and it can't be read from '{path[position:]}' on")
        found = _next(shapes, name, part)
        if isinstance(found, NoProperty):
            return found
        if shapes[name]["type"] == "list":
            lookups.append(Lookup(tuple(members), *found[1:]))
        members.append(part["member"] or "")
        name, position = found[0], part.end()
    return Property(shapes[name]["type"], tuple(lookups))


def _next(shapes: Mapping[str, Shape], name: str, part: re.Match[str]) -> tuple[str, str, str | int] | NoProperty:
    """Return the shape behind one part of a path, and for a list the name member and what is looked for."""
    shape = shapes[name]
    index, word = part["index"], part["member"] or part["name"]
    match shape["type"]:
        case "structure" if part["member"]:
            members = shape["members"]
            if word in members:
                return members[word]["shape"], "", ""
            return NoProperty(f"and {name} has no '{word}'", did_you_mean(word, members))
        case "map" if not index:
            return shape["value"]["shape"], "", ""
        case "list" if index:
            return shape["member"]["shape"], "", int(index)
        case "list" if part["name"] is not None:
            inner = shapes[shape["member"]["shape"]].get("members", {})
            key = next((member for member in _NAME_MEMBERS if member in inner), None)
            hint = "write the position in the list, counted from 0: [0]"
            return (shape["member"]["shape"], key, word) if key else NoProperty(f"and {name} has no names", hint)
    kind = {"structure": "a mapping", "map": "a mapping", "list": "a list"}.get(shape["type"], "a single value")
    return NoProperty(f"and '{part.group().lstrip('.')}' doesn't fit there: {name} is {kind}")
