"""Values of parameters, put in where a definition refers to them; what isn't known yet stays a reference."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.definition.shapes.fault import is_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of

_PARAMETER = "Parameters."
_KNOWN = (_PARAMETER, "Execution.")


def defaults_of(definition: JSON) -> dict[str, JSON]:
    """Return the defaults of a definition's parameters; those without one are left out."""
    defaults = {
        text_of(item, "Name"): member_at(item, ("DefaultValue",)) for item in items_of(definition, "Parameters")
    }
    return {name: value for name, value in defaults.items() if value is not None}


def fill_in(value: JSON, values: Mapping[str, JSON]) -> JSON:
    """Return the value with parameters put in, and joins of them made text; the structure stays as it is.

    `values` has parameters by their names, and where what an execution has is known, that by `Execution.<name>`.
    """
    if isinstance(value, list):
        return [fill_in(item, values) if isinstance(item, (dict, list)) else item for item in value]
    if not isinstance(value, dict):
        return value
    if not is_reference(value):
        return {key: fill_in(item, values) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    path = value.get("Get")
    if isinstance(path, str):
        return values.get(path.removeprefix(_PARAMETER), value) if path.startswith(_KNOWN) else value
    return _joined(value, values)


def _joined(value: JSON, values: Mapping[str, JSON]) -> JSON:
    """Return a join as text where all that it joins is known."""
    join = member_at(value, ("Std:Join",))
    parts = [fill_in(item, values) for item in items_of(join, "Values")]
    if not isinstance(join, dict) or any(part is None or isinstance(part, (dict, list)) for part in parts):
        return value
    return text_of(join, "On").join(_text(part) for part in parts)


def _text(value: JSON) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
