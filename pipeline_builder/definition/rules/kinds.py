"""The kinds of rules: each yields the places that break it, with what its message may name."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from pipeline_builder.definition.rules.matching import matches, number
from pipeline_builder.definition.rules.paths import Found, Unknown, View, expected_at
from pipeline_builder.definition.rules.storage import local_storage
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import subject
from pipeline_builder.documents.source import DataPath


@dataclass(frozen=True, slots=True)
class Break:
    """Where a rule is broken; `words` are what `says` may name: the value there, another one, how many."""

    path: DataPath
    words: Mapping[str, Any] = field(default_factory=dict)


Kind = Callable[[View, Any], Iterator[Break]]


def _choice(low: int, high: int) -> Kind:
    """Of a few members so many are to be given: too many breaks it at each after those, too few at their holder."""

    def check(view: View, names: list[str]) -> Iterator[Break]:
        if not isinstance(view.here.value, dict):
            return
        given = [found for name in names for found in view.find(name)[:1] if found.sure]
        few = ", ".join(f"'{name}'" for name in names)
        if len(given) < low:
            yield Break(view.here.path, {"said": f"has none of {few}, expected {_amount(low, high)} of them"})
        for found in given[high:]:
            beside = f"can't be given beside '{subject(given[0].path)}', expected {_amount(low, high)} of {few}"
            yield Break(found.path, {"said": beside})

    return check


def _amount(low: int, high: int) -> str:
    return "exactly one" if low == high else "at least one" if low else "at most one"


def _needs(view: View, paths: list[str]) -> Iterator[Break]:
    for path in paths:
        if isinstance(view.here.value, dict) and not view.find(path):
            yield Break(expected_at(view, path))


def _without(view: View, paths: list[str]) -> Iterator[Break]:
    for path in paths:
        for found in view.find(path):
            if found.sure:
                yield Break(found.path, {"value": found.value})


def _values(view: View, wanted: Mapping[str, Any]) -> Iterator[Break]:
    for path, matcher in wanted.items():
        for found in view.find(path):
            if matches(matcher, found.value) is False:
                yield Break(found.path, {"value": found.value})


def _unique(view: View, paths: str | list[str]) -> Iterator[Break]:
    """A text in two places; a folder is the same with a `/` behind it."""
    first: dict[str, Found] = {}
    for found in [found for path in ([paths] if isinstance(paths, str) else paths) for found in view.find(path)]:
        value = found.value
        if isinstance(value, str):
            earlier = first.setdefault(_folder(value), found)
            if earlier is not found:
                yield Break(found.path, {"value": value, "other": subject(earlier.path)})


def _order(view: View, spec: Mapping[str, Any]) -> Iterator[Break]:
    """`left` (or the product of several) is to `right`, a number or a path, as `is` says: the last `left` breaks it."""
    lefts = [spec["left"]] if isinstance(spec["left"], str) else spec["left"]
    found = [item for path in lefts for item in view.find(path)[:1]]
    right = spec["right"]
    limits = view.find(right)[:1] if isinstance(right, str) else (Found((), right),)
    numbers = [number(item.value) for item in (*found, *limits)]
    if len(found) < len(lefts) or not limits or None in numbers:
        return
    *sides, limit = [value for value in numbers if value is not None]
    value = reduce(operator.mul, sides)
    if not _ORDERS[spec["is"]](value, limit):
        yield Break(found[-1].path, {"value": _plain(value), "other": _plain(limit)})


def _among(view: View, spec: Mapping[str, str]) -> Iterator[Break]:
    """Each value of the one path is among those of the other; nothing is said while one of those isn't known."""
    for path, others in spec.items():
        known = [found.value for found in view.find(others)]
        if any(isinstance(value, Unknown) for value in known):
            continue
        for found in view.find(path):
            if isinstance(found.value, str) and found.value not in known:
                yield Break(found.path, {"value": found.value})


def _apart(view: View, spec: Mapping[str, str]) -> Iterator[Break]:
    """No value of the one path is among those of the other; a folder is the same with a `/` behind it."""
    for path, others in spec.items():
        taken = {_folder(found.value) for found in view.find(others) if isinstance(found.value, str)}
        for found in view.find(path):
            if isinstance(found.value, str) and _folder(found.value) in taken:
                yield Break(found.path, {"value": found.value})


def _fits(view: View, spec: Mapping[str, str]) -> Iterator[Break]:
    """A size in GB is no larger than the local storage of an instance type that has some."""
    for path, types in spec.items():
        for kind in view.find(types):
            most = local_storage(kind.value) if isinstance(kind.value, str) else None
            for found in view.find(path) if most else ():
                if (size := number(found.value)) is not None and most and size > most:
                    yield Break(found.path, {"value": found.value, "other": most})


def _all_or_none(view: View, spec: Mapping[str, str]) -> Iterator[Break]:
    """Every entry of a list has a member, or none has it."""
    entries = [item for item in view.find(spec["of"]) if isinstance(item.value, dict)]
    lacking = [item for item in entries if not view.at(item).find(spec["member"])]
    if len(lacking) < len(entries):
        for item in lacking:
            yield Break((*item.path, spec["member"]))


def _together(view: View, names: list[str]) -> Iterator[Break]:
    """All of a few members are given, or none."""
    lacking = [name for name in names if not view.find(name)]
    for name in lacking if len(lacking) < len(names) else ():
        yield Break(expected_at(view, name))


def _same(view: View, path: str) -> Iterator[Break]:
    found = [item for item in view.find(path) if not isinstance(item.value, Unknown)]
    for item in found[1:]:
        if item.value != found[0].value:
            yield Break(item.path, {"value": item.value, "other": found[0].value})


def _few(view: View, spec: Mapping[str, Any]) -> Iterator[Break]:
    """At most so many places have a value."""
    found = [item for item in view.find(spec["of"]) if matches(spec["is"], item.value)]
    for item in found[spec["most"] :]:
        yield Break(item.path, {"value": item.value})


def _total(view: View, spec: Mapping[str, Any]) -> Iterator[Break]:
    """Several lists or mappings have together at most so many entries, or bytes of text."""
    size = _bytes if spec.get("by") == "bytes" else _entries
    found = [item for path in spec["of"] for item in view.find(path)]
    total = sum(size(item.value) for item in found)
    if total > spec["most"]:
        yield Break(found[-1].path, {"value": total})


def _combinations(view: View, spec: Mapping[str, Any]) -> Iterator[Break]:
    """A number is at most that of the combinations of ranges; of those in `endless` there is no end."""
    if any(view.find(path) for path in spec["endless"]):
        return
    sizes = [_whole_numbers(view.at(found), *spec["ends"]) for found in view.find(spec["whole"])]
    sizes += [_choices(found.value) for found in view.find(spec["listed"])]
    known = [size for size in sizes if size is not None]
    for found in view.find(spec["most"]) if known and len(known) == len(sizes) else ():
        if (most := number(found.value)) is not None and most > (total := math.prod(known)):
            yield Break(found.path, {"value": found.value, "other": total})


def _whole_numbers(view: View, least: str, most: str) -> int | None:
    ends = [number(found.value) for path in (least, most) for found in view.find(path)]
    match ends:
        case [float() as low, float() as high] if low <= high:
            return int(high - low) + 1
    return None  # not known, or for another rule to refuse


def _choices(value: JSON | Unknown) -> int | None:
    texts = value if isinstance(value, list) and all(isinstance(text, str) for text in value) else None
    return None if texts is None else len({str(text) for text in texts})


def _entries(value: JSON | Unknown) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _bytes(value: JSON | Unknown) -> int:
    texts = [*value, *value.values()] if isinstance(value, dict) else ()
    return sum(len(text.encode()) for text in texts if isinstance(text, str))


def _folder(value: str) -> str:
    return value.rstrip("/") if value.startswith("/") else value


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value


_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "at most": operator.le,
    "at least": operator.ge,
    "less than": operator.lt,
}
# Each kind with the id of its problems.
KINDS: Mapping[str, tuple[Kind, str]] = {
    "exactly_one": (_choice(1, 1), "PB254"),
    "at_most_one": (_choice(0, 1), "PB254"),
    "at_least_one": (_choice(1, 99), "PB254"),
    "needs": (_needs, "PB255"),
    "all_or_none": (_all_or_none, "PB255"),
    "together": (_together, "PB255"),
    "without": (_without, "PB256"),
    "values": (_values, "PB257"),
    "among": (_among, "PB257"),
    "same": (_same, "PB257"),
    "order": (_order, "PB258"),
    "total": (_total, "PB258"),
    "combinations": (_combinations, "PB258"),
    "few": (_few, "PB258"),
    "fits": (_fits, "PB258"),
    "unique": (_unique, "PB259"),
    "apart": (_apart, "PB259"),
}
