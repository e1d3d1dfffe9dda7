"""Offline checks of a pipeline definition: its own language, every step's request, every reference."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.definition.check.cycles import describe_cycle, find_cycles
from pipeline_builder.definition.check.faults import STRUCTURE
from pipeline_builder.definition.check.filling import defaults_of
from pipeline_builder.definition.check.finding import Finding, finding_at, position
from pipeline_builder.definition.check.outside import check_outside
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.check.relations import check_relations
from pipeline_builder.definition.check.scope import places, read_scope
from pipeline_builder.definition.check.steps import check_step
from pipeline_builder.definition.check.unreachable import find_unreachable
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, text_of
from pipeline_builder.documents.schema import describe


def check_definition(definition: JSON, values: Mapping[str, JSON] | None = None) -> tuple[Finding, ...]:
    """Return everything that is wrong with a definition (its JSON, loaded), in the order of the document.

    `values` are those that parameters are given instead of their defaults. Nothing of a network or an account is looked
    at: quotas, permissions and whether data is there stay open.
    """
    if not isinstance(definition, dict):
        return (Finding("", (), STRUCTURE, f"the definition is {describe(definition)}, expected a mapping"),)
    scope = read_scope(definition)
    found = [finding_at("", (), fault) for fault in check_outside(definition)]
    known = {**defaults_of(definition), **(values or {})}
    waits: dict[str, dict[str, None]] = {}
    free: set[str] = set()
    for place in places(definition, ("Steps",)):
        name = text_of(place.step, "Name")
        if any(isinstance(item, dict) for item in items_of(place.step, "DependsOn")):
            free.add(name)
        references = References(scope, waits.setdefault(name, {}), name)
        if place.branch:
            references.waits[place.branch.holder] = None
        faults = [*check_step(place, references), *check_relations(place, scope, known)]
        found += [finding_at(name, place.path, fault) for fault in faults]
    found += [describe_cycle(scope, cycle) for cycle in find_cycles(waits)]
    found += find_unreachable(scope, waits, frozenset(free))
    return tuple(sorted(found, key=position))
