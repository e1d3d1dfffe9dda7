"""What a condition compares: values of one kind, where that can be told before a run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline_builder.definition.check.faults import KINDS
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.shapes.fault import Fault, Stage
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at
from pipeline_builder.documents.schema import number_hint

# By the type of a shape or a parameter; all others (a time, a list) are of no kind that is compared here.
_KINDS = {
    "string": "a text",
    "boolean": "a flag",
    **dict.fromkeys(("integer", "long", "float", "double"), "a number"),
}
_TEXT, _FLAG, _NUMBER = "a text", "a flag", "a number"
_ORDERED = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
# CreatePipeline takes a number beside a property that is a text: the SDK's own tests do so.
_STAGE: Stage = "job"
_NUMERAL = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?\.?(inf|nan)", re.ASCII | re.IGNORECASE)
_HINT = "a text never equals a number: '0.9' in quotes is a text, and a parameter has the type that it declares"


def check_kinds(operator: str, item: JSON, references: References) -> Iterator[Fault]:
    """Check that a condition's values are of one kind, and of one that its operator orders."""
    if operator in (*_ORDERED, "Equals"):
        left = _kind(member_at(item, ("LeftValue",)), references)
        right = _kind(member_at(item, ("RightValue",)), references)
        if operator in _ORDERED and _FLAG in (left, right):
            yield Fault(
                KINDS, (), f"asks whether a flag is more or less ('{operator}'), which a flag never is", None, _STAGE
            )  # fmt: skip
        elif operator in _ORDERED and not left == right == _TEXT and (text := _number_as_text(item)):
            message = f"asks whether something is more or less than the text '{text}' ('{operator}')"
            yield Fault(KINDS, (), message, number_hint(text) or _HINT, _STAGE)
        elif left and right and left != right:
            yield Fault(KINDS, (), f"compares {left} with {right} ('{operator}'), which never compare", _HINT, _STAGE)
    if operator == "In":
        asked = _kind(member_at(item, ("QueryValue",)), references)
        for index, value in enumerate(items_of(item, "Values")):
            found = _kind(value, references)
            if asked and found and found != asked:
                message = f"is {found}, and {asked} is looked for in the list: they never compare"
                yield Fault(KINDS, ("Values", index), message, _HINT, _STAGE)


def _number_as_text(item: JSON) -> str:
    """Return the side that was meant as a number and is a text, which only another text can be held against."""
    sides = (member_at(item, (key,)) for key in ("LeftValue", "RightValue"))
    return next((side for side in sides if isinstance(side, str) and _NUMERAL.fullmatch(side)), "")


def _kind(value: JSON, references: References) -> str | None:
    """Return of what kind a value is; None where only a run knows, or its own fault is said."""
    match value:
        case bool():
            return _FLAG
        case int() | float():
            return _NUMBER
        case str():
            return _TEXT
        case {"Std:Join": _}:
            return _TEXT
        case {"Get": str(path)}:
            return _KINDS.get(references.type_of(path) or "")
    return None
