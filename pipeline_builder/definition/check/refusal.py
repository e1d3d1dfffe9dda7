"""What SageMaker answers to a request when its job is made: why it refuses, in its words where they are public."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.rules.rules import check_rules
from pipeline_builder.definition.shapes.fault import EXPECTED, NO_MATCH, NOT_IN_ENUM, OUT_OF_RANGE, WRONG_TYPE, Fault
from pipeline_builder.definition.shapes.kinds import STEP_TYPES, StepType
from pipeline_builder.documents.members import at, subject

# What values can still break that a definition's own check couldn't see, as they came by references.
_OF_VALUES = {
    NO_MATCH: "Member must satisfy regular expression pattern",
    NOT_IN_ENUM: "Member must satisfy enum value set",
    OUT_OF_RANGE: "Member must have a length or value within its limits",
    WRONG_TYPE: "Member must be of its type",
}


def refusal_of(step_type: str, request: Mapping[str, Any]) -> str:
    """Return why the service refuses a step's request, all references of which have their values; empty if it doesn't.

    The form is that of a step's FailureReason (aws/sagemaker-python-sdk, issues 3693 and 4140).
    """
    known = STEP_TYPES.get(step_type)
    if known is None or not known.api:
        return ""
    said = [*_shape_errors(known, request), *_rule_errors(step_type, request)]
    operation = known.request.removeprefix("sagemaker:").removesuffix("Request").removesuffix("Input")
    return f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {'; '.join(said)}" if said else ""


def _shape_errors(known: StepType, request: Mapping[str, Any]) -> Iterator[str]:
    shapes, name = shape_at(known.request)
    found = [fault for fault in shapes.check(name, {**request}) if _is_refused(fault, request)]
    if found:
        detected = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        yield f"{detected}: {'; '.join(_constraint(fault) for fault in found)}"


def _is_refused(fault: Fault, request: Mapping[str, Any]) -> bool:
    """Tell whether a value is refused; a number or a flag becomes a text where one is expected."""
    if fault.id == WRONG_TYPE:
        value = at({**request}, fault.path)
        return isinstance(value, str | int | float) and not fault.message.endswith(EXPECTED["string"])
    return fault.id in _OF_VALUES


def _constraint(fault: Fault) -> str:
    where = ".".join(f"{part + 1}.member" if isinstance(part, int) else _lower(part) for part in fault.path)
    return f"Value at '{where}' failed to satisfy constraint: {_OF_VALUES[fault.id]}: it {fault.message}"


def _lower(name: str) -> str:
    return f"{name[:1].lower()}{name[1:]}"


def _rule_errors(step_type: str, request: Mapping[str, Any]) -> Iterator[str]:
    for fault in check_rules(step_type, {**request}):
        if fault.stage == "unsure":
            continue
        where = subject(fault.path)
        yield fault.said or (f"'{where}' {fault.message}" if where else f"The request {fault.message}")
