"""What parameters bring into requests: their values, and what is joined of them, held against shapes and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.check.faults import LIMIT
from pipeline_builder.definition.check.filling import fill_in
from pipeline_builder.definition.check.finding import Finding, finding_at, position
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.check.relations import check_relations
from pipeline_builder.definition.check.scope import Place, Scope, places, read_scope
from pipeline_builder.definition.check.values import execution_samples, parameter_values
from pipeline_builder.definition.shapes.fault import Fault, is_reference
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of
from pipeline_builder.documents.source import DataPath

LONGEST = 1024
"""Characters of a parameter's value [PipelineParameter]."""


def check_values(definition: JSON, given: Mapping[str, str], *, pipeline: str) -> tuple[Finding, ...]:
    """Return what is wrong with the values that parameters have in a pipeline's requests.

    `given` are those of a start, which stand instead of defaults; a parameter without either is not looked at. Without
    any that is given the rules between members are left to the check of the definition, which has the defaults.
    """
    scope, values = read_scope(definition), parameter_values(definition, given)
    found = [finding for name, text in given.items() if name in scope.parameters for finding in _length(name, text)]
    known = {**values, **execution_samples(pipeline)}
    for place in places(definition, ("Steps",)):
        faults = [*_check_step(place, scope, known, given), *_check_rules(place, scope, values, given)]
        found += [finding_at(text_of(place.step, "Name"), place.path, fault) for fault in faults]
    return tuple(sorted(found, key=position))


def _length(name: str, text: str) -> Iterator[Finding]:
    if not 1 <= len(text) <= LONGEST:
        message = f"the parameter '{name}' has {len(text)} characters, expected 1 to {LONGEST}"
        yield Finding("", (), LIMIT, message)


def _check_step(place: Place, scope: Scope, known: Mapping[str, JSON], given: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong where a value was put in, and wasn't before."""
    step_type = STEP_TYPES.get(text_of(place.step, "Type"))
    before = member_at(place.step, ("Arguments",))
    if step_type is None or not isinstance(before, dict):
        return
    own = {key: item for key, item in before.items() if key not in step_type.nested}
    shapes, name = shape_at(step_type.request)
    references = References(scope, {}, text_of(place.step, "Name"))
    for path, reference in _references(own, ()):
        names = tuple(dict.fromkeys(_names(reference)))
        value = fill_in(reference, known) if names else {}
        if isinstance(value, dict) or not (faults := shapes.check_at(name, path, value)):
            continue  # not known yet, or as it should be
        if shapes.check_at(name, path, reference, references):
            continue  # said of the reference itself
        for fault in faults:
            yield _said(fault.below("Arguments", *path), names, given)


def _references(value: JSON, path: DataPath) -> Iterator[tuple[DataPath, JSON]]:
    """Yield every reference below a value, with its path; not those within another."""
    if isinstance(value, dict) and is_reference(value):
        yield path, value
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(item, (dict, list)):
                yield from _references(item, (*path, key))


def _names(reference: JSON) -> Iterator[str]:
    """Yield the parameters that a reference, or what it joins, leads to."""
    kind, _, name = text_of(reference, "Get").partition(".")
    if kind == "Parameters":
        yield name
    for part in items_of(member_at(reference, ("Std:Join",)), "Values"):
        yield from _names(part)


def _check_rules(place: Place, scope: Scope, values: Mapping[str, JSON], given: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the rules between members that what was given breaks."""
    if not given:
        return
    arguments = member_at(place.step, ("Arguments",))
    used = tuple(
        dict.fromkeys(name for _, part in _references(arguments, ()) for name in _names(part) if name in given)
    )
    for fault in check_relations(place, scope, values) if used else ():
        yield _said(fault, used, given)


def _said(fault: Fault, names: tuple[str, ...], given: Mapping[str, str]) -> Fault:
    """Return the fault with the parameters that are behind it."""
    shown = " and ".join(f"'{name}'" for name in names)
    what = "what was given for" if set(names) <= given.keys() else "the default of" if len(names) == 1 else "made of"
    return replace(fault, message=f"{fault.message} ({what} the parameter{'s' if len(names) > 1 else ''} {shown})")
