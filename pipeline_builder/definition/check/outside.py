"""What isn't a step's own: the definition's version and members, its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.definition.check.faults import STRUCTURE, as_own, below, repeated
from pipeline_builder.definition.check.language import LANGUAGE, PARAMETER_TYPES
from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of
from pipeline_builder.documents.schema import describe


def check_outside(definition: JSON) -> Iterator[Fault]:
    """Check all that isn't a step's own."""
    yield from as_own(LANGUAGE.check("the definition", definition))
    for index, item in enumerate(items_of(definition, "Parameters")):
        kind = text_of(item, "Type")
        found = LANGUAGE.check(f"{kind if kind in PARAMETER_TYPES else 'String'} parameters", item)
        yield from as_own(below(("Parameters", index), found))
        values, default = items_of(item, "EnumValues"), member_at(item, ("DefaultValue",))
        if values and default is not None and default not in values:
            message = f"is {describe(default)}, expected one of the 'EnumValues'"
            yield Fault(STRUCTURE, ("Parameters", index, "DefaultValue"), message)
    yield from below(("Parameters",), repeated(items_of(definition, "Parameters"), "Name"))
