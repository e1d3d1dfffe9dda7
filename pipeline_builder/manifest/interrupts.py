"""`local.interrupt`: which spot trainings lose their machine on the local target, and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe

_LONGEST = 28 * 24 * 3600
_MOST = 20


def _seconds(value: JSON) -> JSON:
    """Return the seconds as a list, of one where they are a number."""
    found: list[JSON] = value if isinstance(value, list) else [value]
    for item in found:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item <= _LONGEST:
            raise ValueError(f"{describe(item)} is no number of seconds, expected one up to {_LONGEST:,}")
    if not 1 <= len(found) <= _MOST:
        raise ValueError(f"there are {len(found)} numbers of seconds, expected 1 to {_MOST}")
    return found


Seconds = Annotated[
    tuple[float, ...], BeforeValidator(_seconds, json_schema_input_type=float | Annotated[list[float], Field()])
]
Interrupts = dict[str, Seconds]
"""Seconds of each machine by the step's name."""
