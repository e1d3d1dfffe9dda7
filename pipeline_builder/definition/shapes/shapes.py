"""The shapes of SageMaker's API, read from botocore's data, and checks of values and property paths against them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Protocol

from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath
from pipeline_builder.target import JSON

UNKNOWN_FIELD = "PB401"  # a field that the shape doesn't have
MISSING_FIELD = "PB402"  # a required field is missing
WRONG_TYPE = "PB403"  # a value or a reference of another type
NOT_IN_ENUM = "PB404"  # a text that isn't one of the values
NO_MATCH = "PB405"  # a text that doesn't match the pattern
OUT_OF_RANGE = "PB406"  # too long, too short, too many, too few, out of range

Shape = Mapping[str, Any]
EXPECTED: Mapping[str, str] = {
    "structure": "a mapping",
    "map": "a mapping",
    "list": "a list",
    "string": "a text",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a time",
    "scalar": "a single value or a reference",
}
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "scalar": (str, int, float, bool),
}
# The member by which a property path looks into a list of structures: Outputs['train'].
_NAME_MEMBERS = ("OutputName", "InputName", "ChannelName", "MetricName")
_PART = re.compile(r"\.(?P<member>[A-Za-z0-9_-]+)|\[(?P<index>\d+)\]|\[(?P<quote>['\"])(?P<name>[^'\"]*)(?P=quote)\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `path`, from the checked value on; `message` follows the path: "is 5, expected a text"."""

    id: str
    path: DataPath
    message: str
    hint: str | None = None


class Reference(Protocol):
    """Checks a reference that stands where a scalar of the shape type `wanted` is expected."""

    def __call__(self, value: dict[str, JSON], wanted: str) -> tuple[Fault, ...]: ...


Check = Callable[[JSON, "Reference | None"], tuple[Fault, ...]]


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


class Shapes:
    """Shapes by name, in botocore's form; the check of each is made when it is first needed, and kept."""

    def __init__(self, shapes: Mapping[str, Shape], operations: Mapping[str, Shape] | None = None) -> None:
        self.shapes = shapes
        self.operations = operations or {}
        self._checks: dict[str, Check] = {}
        self._properties: dict[tuple[str, str], Property | NoProperty] = {}

    def check(self, name: str, value: JSON, reference: Reference | None = None) -> tuple[Fault, ...]:
        """Return everything in which the value differs from the shape: types, unknown and missing members, enums,
        patterns, lengths, ranges. With `reference`, `{"Get": …}` and `{"Std:…": …}` may stand for scalars.
        """
        return self._check(name)(value, reference)

    def property(self, name: str, path: str) -> Property | NoProperty:
        """Follow a path such as `ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri` from the shape on."""
        known = self._properties.get((name, path))
        if known is None:
            known = self._properties[name, path] = self._follow(name, path)
        return known

    def _check(self, name: str) -> Check:
        known = self._checks.get(name)
        if known is None:
            # A shape may contain itself: until its check is there, it is looked up when called.
            self._checks[name] = lambda value, reference: self.check(name, value, reference)
            known = self._checks[name] = self._make(name)
        return known

    def _make(self, name: str) -> Check:
        shape = self.shapes[name]
        match shape["type"]:
            case "structure":
                members = {key: self._check(member["shape"]) for key, member in shape["members"].items()}
                return _structure(name, members, tuple(shape.get("required", ())))
            case "list":
                return _list(shape, self._check(shape["member"]["shape"]))
            case "map":
                return _map(shape, self._check(shape["key"]["shape"]), self._check(shape["value"]["shape"]))
            case "string":
                return _enum(name, shape) if "enum" in shape else _string(shape)
            case kind if kind in _PYTHON_TYPES:
                return _scalar(shape, _PYTHON_TYPES[kind])
            case _:
                return lambda _value, _reference: ()

    def _follow(self, name: str, path: str) -> Property | NoProperty:
        position, members, lookups = 0, list[str](), list[Lookup]()
        path = f".{path}"
        while position < len(path):
            part = _PART.match(path, position)
            if part is None:
                return NoProperty(f"and it can't be read from '{path[position:]}' on")
            found = self._next(name, part)
            if isinstance(found, NoProperty):
                return found
            if self.shapes[name]["type"] == "list":
                lookups.append(Lookup(tuple(members), *found[1:]))
            members.append(part["member"] or "")
            name, position = found[0], part.end()
        return Property(self.shapes[name]["type"], tuple(lookups))

    def _next(self, name: str, part: re.Match[str]) -> tuple[str, str, str | int] | NoProperty:
        """Return the shape behind one part of a path, and for a list the name member and what is looked for."""
        shape = self.shapes[name]
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
                inner = self.shapes[shape["member"]["shape"]].get("members", {})
                key = next((member for member in _NAME_MEMBERS if member in inner), None)
                hint = "write the position in the list, counted from 0: [0]"
                return (shape["member"]["shape"], key, word) if key else NoProperty(f"and {name} has no names", hint)
        kind = {"structure": "a mapping", "map": "a mapping", "list": "a list"}.get(shape["type"], "a single value")
        return NoProperty(f"and '{part.group().lstrip('.')}' doesn't fit there: {name} is {kind}")


def load_sagemaker() -> Shapes:
    """Return the shapes of SageMaker's API; see `load_service`."""
    return load_service("sagemaker")


@functools.cache
def load_service(name: str) -> Shapes:
    """Return the shapes of a service's API, of the newest version that the installed botocore has.

    Only botocore's data is read: importing its validator takes ten times as long, as it brings the HTTP stack.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    import gzip
    import importlib.util
    import json

    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed", name="botocore")
    versions = Path(spec.submodule_search_locations[0], "data", name).iterdir()
    folder = max(path for path in versions if any(path.glob("service-2.json*")))
    plain = folder / "service-2.json"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    model = json.loads(content)
    return Shapes(model["shapes"], model["operations"])


def matches(pattern: str, text: str) -> bool:
    """Tell whether all of the text matches a pattern of the service model."""
    return _compile(pattern, ascii_only=text.isascii()).fullmatch(text) is not None


# What is left of Unicode's classes in ASCII; each stands within brackets in the model.
_ASCII_CLASSES: Mapping[str, str] = {
    r"\p{Alnum}": "A-Za-z0-9",  # ASCII in Java in any case
    r"\p{L}": "A-Za-z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
    r"\p{S}": r"$+<=>\^`|~",
    r"\p{Z}": " ",
}


@functools.cache
def _compile(pattern: str, *, ascii_only: bool) -> Any:
    r"""Compile a pattern that is written in Java's dialect.

    `\w` and `\d` are ASCII there, two surrogates one character, and an anchor may be repeated to no effect. `\p{L}`
    asks for the package `regex`, whose import takes longer than all checks: it is left for texts that need it.
    """
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    pattern = re.sub(r"\$\{1,\d+\}$", "$", pattern)
    for name, plain in _ASCII_CLASSES.items():
        if ascii_only or name == r"\p{Alnum}":
            pattern = pattern.replace(name, plain)
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    import regex

    return regex.compile(pattern)


def is_reference(value: JSON) -> bool:
    """Tell whether the value is written as a reference or a function: `{"Get": …}`, `{"Std:…": …}`."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    key = next(iter(value))
    return key == "Get" or key.startswith("Std:")


def _within(key: str | int, faults: Iterable[Fault]) -> list[Fault]:
    return [Fault(fault.id, (key, *fault.path), fault.message, fault.hint) for fault in faults]


def _shown(value: JSON) -> str:
    """A message stays on one line, whatever characters the value has."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in describe(value))


def _wrong_type(value: JSON, kind: str) -> tuple[Fault, ...]:
    found = "a reference" if is_reference(value) else _shown(value)
    hint = None
    if kind == "string" and isinstance(value, bool | int | float):
        hint = "the service takes only text here: write it in quotes"
    return (Fault(WRONG_TYPE, (), f"is {found}, expected {EXPECTED[kind]}", hint),)


def _referenced(value: JSON, reference: Reference | None, kind: str) -> tuple[Fault, ...]:
    """Check what stands where a scalar is expected and is none: a reference, or something else."""
    if reference is not None and isinstance(value, dict) and is_reference(value):
        return reference(value, kind)
    return _wrong_type(value, kind)


def _limits(shape: Shape) -> tuple[float, float]:
    return shape.get("min", -inf), shape.get("max", inf)


def _out_of_range(found: str, low: float, high: float) -> Fault:
    if low == -inf or high == inf:
        expected = f"at least {low}" if high == inf else f"at most {high}"
    else:
        expected = f"{low}" if low == high else f"{low} to {high}"
    return Fault(OUT_OF_RANGE, (), f"{found}, expected {expected}")


def _count(shape: Shape, value: list[JSON] | dict[str, JSON]) -> list[Fault]:
    low, high = _limits(shape)
    if low <= len(value) <= high:
        return []
    return [_out_of_range(f"has {len(value)} {'entry' if len(value) == 1 else 'entries'}", low, high)]


def _structure(name: str, members: Mapping[str, Check], required: tuple[str, ...]) -> Check:
    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, dict) or is_reference(value):
            return _wrong_type(value, "structure")
        faults: list[Fault] = []
        for key, item in value.items():
            member = members.get(key)
            if member is None:
                faults.append(Fault(UNKNOWN_FIELD, (key,), f"isn't a field of {name}", did_you_mean(key, members)))
            elif found := member(item, reference):
                faults += _within(key, found)
        faults += [Fault(MISSING_FIELD, (key,), "is missing") for key in required if key not in value]
        return tuple(faults)

    return check


def _list(shape: Shape, member: Check) -> Check:
    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, list):
            return _wrong_type(value, "list")
        faults = _count(shape, value)
        for index, item in enumerate(value):
            if found := member(item, reference):
                faults += _within(index, found)
        return tuple(faults)

    return check


def _map(shape: Shape, key_check: Check, value_check: Check) -> Check:
    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, dict) or is_reference(value):
            return _wrong_type(value, "map")
        faults = _count(shape, value)
        for key, item in value.items():
            for fault in key_check(key, None):
                faults.append(Fault(fault.id, (key,), f"as a key {fault.message}", fault.hint))
            if found := value_check(item, reference):
                faults += _within(key, (_without_value(fault, item) for fault in found))
        return tuple(faults)

    return check


def _without_value(fault: Fault, value: JSON) -> Fault:
    """An environment variable or a hyperparameter may hold a secret: its text is in no message."""
    if fault.id != NO_MATCH or fault.path or not isinstance(value, str):
        return fault
    message = fault.message.replace(_shown(value), f"a text of {len(value)} characters")
    return Fault(fault.id, (), message, fault.hint)


def _enum(name: str, shape: Shape) -> Check:
    values, plain = frozenset(shape["enum"]), shape.get("plain", False)
    few = len(values) <= 3
    expected = " or ".join(map(repr, shape["enum"])) if few else f"one of the {len(values)} values of {name}"

    @functools.lru_cache(maxsize=64)  # one wrong default is found in every step
    def fault(value: str) -> tuple[Fault, ...]:
        hint = None if few else did_you_mean(value, values)
        return (Fault(NOT_IN_ENUM, (), f"is {_shown(value)}, expected {expected}", hint),)

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, str):
            return _referenced(value, None if plain else reference, "string")
        return () if value in values else fault(value)

    return check


def _string(shape: Shape) -> Check:
    """`plain` and `expected` are of our own shapes: no reference here, and what to say instead of the pattern."""
    (low, high), pattern, plain = _limits(shape), shape.get("pattern"), shape.get("plain", False)
    expected = shape.get("expected") or f"text that matches {pattern}"

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, str):
            return _referenced(value, None if plain else reference, "string")
        if not low <= len(value) <= high:
            return (_out_of_range(f"has {len(value)} characters", low, high),)
        if pattern and not matches(pattern, value):
            hint = "take the line break out" if "\n" in value else None
            return (Fault(NO_MATCH, (), f"is {_shown(value)}, expected {expected}", hint),)
        return ()

    return check


def _scalar(shape: Shape, types: tuple[type, ...]) -> Check:
    (low, high), kind = _limits(shape), shape["type"]
    # Shapes without a limit have that of their type on the wire.
    widest = 2**31 - 1 if kind == "integer" else 2**63 - 1 if kind == "long" else inf

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        # In Python true is a whole number, in JSON it isn't.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return _referenced(value, reference, kind)
        if isinstance(value, int | float) and not low <= value <= high:
            return (_out_of_range(f"is {value}", low, high),)
        if isinstance(value, int) and abs(value) > widest:
            return (_out_of_range(f"is {value}", -inf, widest),)
        return ()

    return check
