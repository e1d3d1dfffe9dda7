"""Values against shapes: for every kind of shape a check that says in what a value differs from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from pipeline_builder.definition.shapes.fault import (
    EXPECTED,
    MISSING_FIELD,
    NO_MATCH,
    NOT_IN_ENUM,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    Fault,
    Reference,
    is_reference,
)
from pipeline_builder.definition.shapes.patterns import matches
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean, number_hint

Shape = Mapping[str, Any]
Check = Callable[[JSON, "Reference | None"], tuple[Fault, ...]]
PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "scalar": (str, int, float, bool),
}


def check_structure(name: str, members: Mapping[str, Check], required: tuple[str, ...]) -> Check:
    """Return the check of a structure by those of its members."""

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


def check_list(shape: Shape, member: Check) -> Check:
    """Return the check of a list by that of its entries."""

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, list):
            return _wrong_type(value, "list")
        faults = _count(shape, value)
        for index, item in enumerate(value):
            if found := member(item, reference):
                faults += _within(index, found)
        return tuple(faults)

    return check


def check_map(shape: Shape, key_check: Check, value_check: Check) -> Check:
    """Return the check of a map by those of its keys and values."""

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, dict) or is_reference(value):
            return _wrong_type(value, "map")
        faults = _count(shape, value)
        for key, item in value.items():
            for fault in key_check(key, None):
                faults.append(replace(fault, path=(key,), message=f"as a key {fault.message}"))
            if found := value_check(item, reference):
                faults += _within(key, (_without_value(fault, item) for fault in found))
        return tuple(faults)

    return check


def check_enum(name: str, shape: Shape) -> Check:
    """Return the check of a text that is one of a few."""
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


def check_string(shape: Shape) -> Check:
    """Return the check of a text.

    `plain` and `expected` are of our own shapes: no reference here, and what to say instead of the pattern.
    """
    (low, high), pattern, plain = _limits(shape), shape.get("pattern"), shape.get("plain", False)
    expected = shape.get("expected") or f"text that matches {pattern}"

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        if not isinstance(value, str):
            return _referenced(value, None if plain else reference, "string")
        if not low <= len(value) <= high:
            return (_out_of_range(f"has {len(value)} characters", low, high),)
        if pattern and not matches(pattern, value):
            hint = "take the line break out" if "\n" in value else None
            # The service holds patterns against values when a job is made, and not when a pipeline is.
            return (Fault(NO_MATCH, (), f"is {_shown(value)}, expected {expected}", hint, "job"),)
        return ()

    return check


def check_scalar(shape: Shape, types: tuple[type, ...]) -> Check:
    """Return the check of any other single value, by its types in Python."""
    (low, high), kind = _limits(shape), shape["type"]
    # Shapes without a limit have that of their type on the wire.
    widest = 2**31 - 1 if kind == "integer" else 2**63 - 1 if kind == "long" else inf

    def check(value: JSON, reference: Reference | None) -> tuple[Fault, ...]:
        # In Python true is a whole number, in JSON it isn't.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return _referenced(value, reference, kind)
        if isinstance(value, (int, float)) and not low <= value <= high:
            return (_out_of_range(f"is {value}", low, high),)
        if isinstance(value, int) and abs(value) > widest:
            return (_out_of_range(f"is {value}", -inf, widest),)
        return ()

    return check


def _without_value(fault: Fault, value: JSON) -> Fault:
    """An environment variable or a hyperparameter may hold a secret: its text is in no message."""
    if fault.id != NO_MATCH or fault.path or not isinstance(value, str):
        return fault
    message = fault.message.replace(_shown(value), f"a text of {len(value)} characters")
    return replace(fault, message=message)


def _within(key: str | int, faults: Iterable[Fault]) -> list[Fault]:
    return [fault.below(key) for fault in faults]


def _shown(value: JSON) -> str:
    """A message stays on one line, whatever characters the value has."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in describe(value))


def _wrong_type(value: JSON, kind: str) -> tuple[Fault, ...]:
    found = "a reference" if is_reference(value) else _shown(value)
    hint = None
    if kind == "string" and isinstance(value, (bool, int, float)):
        hint = "the service takes only text here: write it in quotes"
    elif EXPECTED[kind] in ("a number", "a whole number") and isinstance(value, str):
        hint = number_hint(value)
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
