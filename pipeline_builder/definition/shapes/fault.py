"""What is wrong with a value of a shape, and what stands in for one: a fault, its ids and words, a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

Stage = Literal["create", "start", "job", "unsure"]
UNKNOWN_FIELD = "PB401"  # a field that the shape doesn't have
MISSING_FIELD = "PB402"  # a required field is missing
WRONG_TYPE = "PB403"  # a value or a reference of another type
NOT_IN_ENUM = "PB404"  # a text that isn't one of the values
NO_MATCH = "PB405"  # a text that doesn't match the pattern
OUT_OF_RANGE = "PB406"  # too long, too short, too many, too few, out of range
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


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `path`, from the checked value on; `message` follows the path: "is 5, expected a text".

    `stage` is where SageMaker refuses it: a definition when the pipeline is made, or a request when its job is; what
    its texts ask for, without a word of what happens else, is `unsure`. `said` are the service's words, where public.
    """

    id: str
    path: DataPath
    message: str
    hint: str | None = None
    stage: Stage = "create"
    said: str = ""

    def below(self, *path: str | int) -> Fault:
        """Return the fault as that of a whole which has the checked value at `path`."""
        return replace(self, path=(*path, *self.path))


class Reference(Protocol):
    """Checks a reference that stands where a scalar of the shape type `wanted` is expected."""

    def __call__(self, value: dict[str, JSON], wanted: str) -> tuple[Fault, ...]: ...


def is_reference(value: JSON) -> bool:
    """Tell whether the value is written as a reference or a function: `{"Get": …}`, `{"Std:…": …}`."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    key = next(iter(value))
    return key == "Get" or key.startswith("Std:")
