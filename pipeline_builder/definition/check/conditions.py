"""Conditions of a Condition step, and those within Not and Or."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.definition.check.comparisons import check_kinds
from pipeline_builder.definition.check.faults import as_own, below
from pipeline_builder.definition.check.language import CONDITION_TYPES, LANGUAGE
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of


def check_conditions(holder: JSON, references: References) -> Iterator[Fault]:
    """Check every condition of a list, in a step or in another condition."""
    for index, item in enumerate(items_of(holder, "Conditions")):
        yield from below(("Conditions", index), _check_condition(item, references))


def _check_condition(item: JSON, references: References) -> Iterator[Fault]:
    kind = text_of(item, "Type")
    yield from as_own(
        LANGUAGE.check(f"{kind} conditions" if kind in CONDITION_TYPES else "conditions", item, references)
    )
    yield from check_kinds(kind, item, references)
    if kind == "Not" and member_at(item, ("Condition",)) is not None:
        yield from below(("Condition",), _check_condition(member_at(item, ("Condition",)), references))
    if kind == "Or":
        yield from check_conditions(item, references)
