"""What parameters bring into requests: their values, and what is joined of them, held against the shapes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.definition.check.behind import shape_at
from pipeline_builder.definition.check.faults import LIMIT
from pipeline_builder.definition.check.finding import Finding, finding_at, position
from pipeline_builder.definition.check.members import at, member_at, text_of
from pipeline_builder.definition.check.putting import Putting, execution_samples, parameter_values
from pipeline_builder.definition.check.references import References
from pipeline_builder.definition.check.scope import Place, Scope, places, read_scope
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.descriptions import JSON

LONGEST = 1024
"""Characters of a parameter's value [PipelineParameter]."""


def check_values(definition: JSON, given: Mapping[str, str], *, pipeline: str) -> tuple[Finding, ...]:
    """Return what is wrong with the values that parameters have in a pipeline's requests.

    `given` are those of a start, which stand instead of defaults; a parameter without either is not looked at.
    """
    scope, values = read_scope(definition), parameter_values(definition, given)
    found = [finding for name, text in given.items() if name in scope.parameters for finding in _length(name, text)]
    for place in places(definition, ("Steps",)):
        name = text_of(place.step, "Name")
        faults = _check_step(place, scope, Putting(values, execution_samples(pipeline)), given)
        found += [finding_at(name, place.path, fault) for fault in faults]
    return tuple(sorted(found, key=position))


def _length(name: str, text: str) -> Iterator[Finding]:
    if not 1 <= len(text) <= LONGEST:
        message = f"the parameter '{name}' has {len(text)} characters, expected 1 to {LONGEST}"
        yield Finding("", (), LIMIT, message)


def _check_step(place: Place, scope: Scope, putting: Putting, given: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong where a value was put in, and wasn't before."""
    step_type = STEP_TYPES.get(text_of(place.step, "Type"))
    if step_type is None:
        return
    before = member_at(place.step, ("Arguments",))
    own = {key: item for key, item in before.items() if key not in step_type.nested} if isinstance(before, dict) else {}
    request = putting.put(own)
    if not putting.changed:
        return
    shapes, name = shape_at(step_type.request)
    references = References(scope, {}, text_of(place.step, "Name"))
    for path, names in putting.changed.items():
        if shapes.check_at(name, path, at(own, path), references):
            continue  # said of the reference itself
        for fault in shapes.check_at(name, path, at(request, path)):
            message = f"{fault.message} ({_said(names, given)})"
            yield Fault(fault.id, ("Arguments", *path, *fault.path), message, fault.hint)


def _said(names: tuple[str, ...], given: Mapping[str, str]) -> str:
    shown = " and ".join(f"'{name}'" for name in names)
    if len(names) == 1:
        what = "what was given for" if names[0] in given else "the default of"
        return f"{what} the parameter {shown}"
    return f"made of the parameters {shown}"
