"""The shapes of an API by name, and what is asked of them: checks of values, the end of a property path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline_builder.definition.shapes.fault import Fault, Reference
from pipeline_builder.definition.shapes.properties import NoProperty, Property, follow
from pipeline_builder.definition.shapes.values import (
    PYTHON_TYPES,
    Check,
    Shape,
    check_enum,
    check_list,
    check_map,
    check_scalar,
    check_string,
    check_structure,
)
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath


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
            known = self._properties[name, path] = follow(self.shapes, name, path)
        return known

    def check_at(self, name: str, path: DataPath, value: JSON, reference: Reference | None = None) -> tuple[Fault, ...]:
        """Return in what a value differs from what the shape has at the path; nothing where it has none there."""
        for number, part in enumerate(path):
            shape = self.shapes[name]
            match shape["type"]:
                case "structure" if part in shape["members"]:
                    name = shape["members"][part]["shape"]
                case "list":
                    name = shape["member"]["shape"]
                case "map" if number == len(path) - 1:  # whose values are in no message
                    found = self.check(name, {str(part): value}, reference)
                    return tuple(replace(fault, path=()) for fault in found if fault.path == (part,))
                case "map":
                    name = shape["value"]["shape"]
                case _:
                    return ()
        return self.check(name, value, reference)

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
                return check_structure(name, members, tuple(shape.get("required", ())))
            case "list":
                return check_list(shape, self._check(shape["member"]["shape"]))
            case "map":
                return check_map(shape, self._check(shape["key"]["shape"]), self._check(shape["value"]["shape"]))
            case "string":
                return check_enum(name, shape) if "enum" in shape else check_string(shape)
            case kind if kind in PYTHON_TYPES:
                return check_scalar(shape, PYTHON_TYPES[kind])
            case _:
                return lambda _value, _reference: ()
