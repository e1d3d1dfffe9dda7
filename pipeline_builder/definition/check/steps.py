"""A step: what the definition's own language says of it around its request."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.definition.check.faults import DUPLICATE, STRUCTURE, as_own, below
from pipeline_builder.definition.check.flow import check_nesting, check_trigger
from pipeline_builder.definition.check.language import LANGUAGE
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.check.requests import check_arguments, check_own_keys, check_property_files
from pipeline_builder.definition.check.scope import Place
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, subject, text_of
from pipeline_builder.documents.schema import describe


def check_step(place: Place, references: References) -> Iterator[Fault]:
    """Check a step: its own members, whom it waits for, its request."""
    step = place.step
    kind = text_of(step, "Type")
    yield from as_own(LANGUAGE.check(f"{kind} steps" if kind in STEP_TYPES else "steps", step))
    first = references.scope.steps.get(text_of(step, "Name"))
    if first and first.path != place.path:
        message = f"is that of {subject(first.path)} already, and now of {subject(place.path)}"
        yield Fault(DUPLICATE, ("Name",), message)
    for at, policy in enumerate(items_of(step, "RetryPolicies")):
        if isinstance(policy, dict) and {"MaxAttempts", "ExpireAfterMin"} <= policy.keys():
            yield Fault(STRUCTURE, ("RetryPolicies", at), "has both 'MaxAttempts' and 'ExpireAfterMin', expected one")
    yield from check_nesting(kind, place.branch)
    known = set(references.waits)
    if isinstance(step, dict) and kind in STEP_TYPES and "Arguments" in step:
        yield from below(("Arguments",), check_arguments(STEP_TYPES[kind], step, references))
        yield from check_own_keys(STEP_TYPES[kind], step, references)
        yield from below(("PropertyFiles",), check_property_files(step))
    elif isinstance(step, dict):  # of a type that isn't known only what it refers to is
        yield from below(("Arguments",), references.anywhere(step.get("Arguments")))
    needed = {*(references.waits.keys() - known), *filter(_is_text, items_of(step, "DependsOn"))}
    for at, item in enumerate(items_of(step, "DependsOn")):
        yield from below(("DependsOn", at), (*_check_dependency(item, references), *check_trigger(item, needed)))


def _is_text(item: JSON) -> bool:
    return isinstance(item, str)


def _check_dependency(item: JSON, references: References) -> Iterator[Fault]:
    """An entry is a step's name, or a step with the end of it that lets this one run."""
    if isinstance(item, dict):
        yield from as_own(LANGUAGE.check("run conditions", item))
    elif not isinstance(item, str):
        yield Fault(STRUCTURE, (), f"is {describe(item)}, expected the name of a step")
    before = item if isinstance(item, str) else text_of(item, "Step")
    if before and isinstance(missing := references.step(before), Fault):
        yield missing
