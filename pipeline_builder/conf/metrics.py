"""Metrics that a training's log says: their names, and what finds them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from pipeline_builder.descriptions import JSON


def _by_name(value: JSON) -> JSON:
    """They come by name, or as the service writes them: a list of Name and Regex."""
    if isinstance(value, list) and all(isinstance(one, dict) and set(one) == {"Name", "Regex"} for one in value):
        names = [str(one["Name"]) for one in value if isinstance(one, dict)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two metrics have the name '{twice}'")
        return {str(one["Name"]): one["Regex"] for one in value if isinstance(one, dict)}
    return {} if value is None else value


Metrics = Annotated[
    dict[str, str],
    BeforeValidator(_by_name, json_schema_input_type=dict[str, str] | tuple[dict[str, str], ...] | None),
]
