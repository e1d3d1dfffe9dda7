"""Paths into a request: members, every entry of a list, and what is meant where nothing is given."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

from pipeline_builder.definition.shapes.fault import is_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath


class Unknown:
    """What a reference stands for before it has a value."""


UNKNOWN: Final = Unknown()


class Found(NamedTuple):  # a dataclass takes several times as long to make, and there are dozens to each rule
    """A value and its place, from the request's root on; below a reference it isn't `sure` that there is one."""

    path: DataPath
    value: JSON | Unknown
    sure: bool = True


class View(NamedTuple):
    """Where a rule looks from: `here`; its paths may begin at `base` (`/A.B`) or at the whole `request` (`//A.B`)."""

    request: Found
    base: Found
    here: Found

    def at(self, found: Found) -> View:
        """Return the view from another place below the same base."""
        return View(self.request, self.base, found)

    def find(self, path: str) -> tuple[Found, ...]:
        """Return what is at a path: `A.B[].C`, `A.*` (the keys of a mapping), `A or /B` (the
        first that is given), `A = 6` (what is meant where none is).
        """
        return _find(self, path)


def start(request: JSON) -> View:
    """Return the view of a request from its root."""
    root = Found((), request)
    return View(root, root, root)


def expected_at(view: View, path: str) -> DataPath:
    """Return the place that a member which isn't given would have."""
    origin, parts = _parsed(path)[0][0]
    return (*_origin(view, origin).path, *(part for part in parts if part != "[]"))


def names_in(path: str) -> frozenset[str]:
    """Return the names that a request has wherever it has something at the path; none where it may do without."""
    ways, default = _parsed(path)
    if default is not None or len(ways) > 1:
        return frozenset()
    return frozenset(part for _, parts in ways for part in parts if part not in ("[]", "*"))


def _find(view: View, path: str) -> tuple[Found, ...]:
    ways, default = _parsed(path)
    for origin, parts in ways:
        if found := _descend(_origin(view, origin), parts):
            return found
    return () if default is None else (Found(view.here.path, default),)


def _descend(origin: Found, parts: tuple[str, ...]) -> tuple[Found, ...]:
    """Return what is below a place; most paths of most rules end early, and then nothing has been made."""
    value, sure = _known(origin.value), origin.sure
    for at, part in enumerate(parts):
        if isinstance(value, Unknown):
            return (Found((*origin.path, *parts[:at]), value, False),)
        if part in ("[]", "*"):
            path = (*origin.path, *parts[:at])
            inner = _items(path, value) if part == "[]" else _names(path, value)
            return tuple(found for item in inner for found in _descend(item, parts[at + 1 :]))
        value = _known(value.get(part)) if isinstance(value, dict) else None
        if value is None:
            return ()
    return (Found((*origin.path, *parts), value, sure),)


def _items(path: DataPath, value: JSON) -> list[Found]:
    return [Found((*path, index), item) for index, item in enumerate(value)] if isinstance(value, list) else []


def _names(path: DataPath, value: JSON) -> list[Found]:
    return [Found((*path, key), key) for key in value] if isinstance(value, dict) else []


def _origin(view: View, origin: str) -> Found:
    return view.request if origin == "//" else view.base if origin == "/" else view.here


def _known(value: JSON | Unknown) -> JSON | Unknown:
    return UNKNOWN if isinstance(value, dict) and is_reference(value) else value


@functools.cache
def _parsed(path: str) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], JSON]:
    """Read a path: its ways, each with where it begins and its parts, and what is meant where none is given."""
    text, _, default = path.partition(" = ")
    ways = []
    for way in text.split(" or "):
        origin = "//" if way.startswith("//") else way[:1] if way.startswith("/") else ""
        parts = way.strip("/").replace("[]", ".[]").split(".")
        ways.append((origin, tuple(part for part in parts if part)))
    return tuple(ways), _scalar(default) if default else None


def _scalar(text: str) -> JSON:
    known: dict[str, JSON] = {"true": True, "false": False}
    return known[text] if text in known else int(text) if text.isdecimal() else text
