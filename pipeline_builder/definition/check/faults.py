"""Faults of a definition: their ids, and where they are in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline_builder.definition.shapes.fault import OUT_OF_RANGE, UNKNOWN_FIELD, Fault
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import names_of
from pipeline_builder.documents.source import DataPath

# PB401 to PB406, what a request has that its API doesn't take, are in shapes/fault.py.
NO_STEP = "PB407"  # a step that isn't there is referred to or waited for
NO_PROPERTY = "PB408"  # a reference to a property that the step's Describe response doesn't have
NOT_DECLARED = "PB409"  # a reference to an output, input or channel that the step doesn't declare
NO_PARAMETER = "PB410"  # a reference to a parameter or an execution variable that isn't there
STRUCTURE = "PB411"  # the definition's own language: version, keys, types, names
DUPLICATE = "PB412"  # a name that has to be unique stands twice
PROPERTY_FILE = "PB413"  # a property file that isn't declared, or is declared wrongly
LIMIT = "PB414"  # a limit of the definition's own language: sizes, counts, ranges
CYCLE = "PB415"  # steps wait for each other
KINDS = "PB271"  # a comparison of values that are of different kinds
NUL = "PB194"  # an argument or variable of a job that no process can be given
FLOW = "PB270"  # a step that can never run: what it waits for never lets it


def fault_here(problem_id: str, message: str, hint: str | None = None) -> Fault:
    """Return a fault of the very value that is checked."""
    return Fault(problem_id, (), message, hint)


def below(path: DataPath, faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults of a part as those of the whole, which has the part at `path`."""
    return tuple(fault.below(*path) for fault in faults)


def as_own(faults: Iterable[Fault]) -> Iterator[Fault]:
    """Give faults of the definition's own language the ids of it: PB401 to PB406 are the API's."""
    for fault in faults:
        if not UNKNOWN_FIELD <= fault.id <= OUT_OF_RANGE:  # of a reference
            yield fault
            continue
        own = LIMIT if fault.id == OUT_OF_RANGE else STRUCTURE
        own = PROPERTY_FILE if "PropertyFiles" in fault.path else own
        yield Fault(own, fault.path, fault.message, fault.hint)


def repeated(items: JSON, key: str) -> Iterator[Fault]:
    """Yield each entry whose name, its member `key`, an earlier one has already."""
    first: dict[str, int] = {}
    for index, name in enumerate(names_of(items, key)):
        if name is not None and first.setdefault(name, index) != index:
            yield Fault(DUPLICATE, (index, key), f"is '{name}', which [{first[name]}] has already")
