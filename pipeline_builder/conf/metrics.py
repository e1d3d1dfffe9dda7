"""Metrics that a training's log says: their names, and what finds them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe


def _regex(value: str) -> str:
    """An expression that finds a number: what has no group finds none, and each training has run when that is seen."""
    try:
        groups = re.compile(_NAMED_GROUP.sub("(?P<", value)).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the expression {describe(value)} can't be read: {error}") from error
    if value and not groups:
        raise ValueError(f"the expression {describe(value)} has no group in it that is the number, such as ([0-9.]+)")
    return value


_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z])")
Regex = Annotated[str, AfterValidator(_regex)]


def _by_name(value: JSON) -> JSON:
    """They come by name, in whatever order, or as the service writes them: a list of Name and Regex."""
    if isinstance(value, list) and all(isinstance(one, dict) and set(one) == {"Name", "Regex"} for one in value):
        names = [str(one["Name"]) for one in value if isinstance(one, dict)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two metrics have the name '{twice}'")
        return {str(one["Name"]): one["Regex"] for one in value if isinstance(one, dict)}
    if isinstance(value, dict):
        return dict(sorted(value.items()))
    return {} if value is None else value


Metrics = Annotated[
    dict[str, Regex],
    BeforeValidator(_by_name, json_schema_input_type=dict[str, str] | tuple[dict[str, str], ...] | None),
]
