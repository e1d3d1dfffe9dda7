"""A step's request against its API, and what the step says of the files that the job makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline_builder.definition.check.conditions import check_conditions
from pipeline_builder.definition.check.faults import PROPERTY_FILE, as_own, below, repeated
from pipeline_builder.definition.check.language import NAMED_LISTS, StepType
from pipeline_builder.definition.check.members import member_at, names_of
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.shapes.fault import MISSING_FIELD, Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import did_you_mean


def check_arguments(step_type: StepType, arguments: JSON, references: References) -> Iterator[Fault]:
    """Check what a step asks for, by its type; the name that the service makes may be missing."""
    if not step_type.api:
        yield from as_own(step_type.shapes.check(step_type.request, arguments, references))
        yield from check_conditions(arguments, references)
        return
    for fault in step_type.shapes.check(step_type.request, arguments, references):
        if (fault.id, fault.path) != (MISSING_FIELD, (step_type.generated,)):
            yield fault
    for path, key in NAMED_LISTS.items():
        for fault in below(path, repeated(member_at(arguments, path), key)):
            yield replace(fault, stage="job")


def check_property_files(step: JSON) -> Iterator[Fault]:
    """Check that each property file is of an output that the job has."""
    outputs = names_of(member_at(step, ("Arguments", "ProcessingOutputConfig", "Outputs")), "OutputName")
    for index, output in enumerate(names_of(member_at(step, ("PropertyFiles",)), "OutputName")):
        if output and output not in outputs:
            hint = did_you_mean(output, [name for name in outputs if name])
            yield Fault(PROPERTY_FILE, (index, "OutputName"), f"is '{output}', which the step has no output of", hint)
    yield from repeated(member_at(step, ("PropertyFiles",)), "PropertyFileName")
