"""The parameters of a pipeline, for who is to give them: what values they take, and what they are for."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.inert import inert_line
from pipeline_builder.release.overview import Asked


def render_parameters(parameters: Sequence[Asked]) -> str:
    """Return a line for each parameter, below an empty line and a heading; nothing where there are none."""
    width = max((len(one.name) for one in parameters), default=0)
    lines = [f"  {one.name:<{width}}  {inert_line(_values(one))}" for one in parameters]
    return "".join(f"\n{line}" for line in ("", "  parameters (--parameter NAME=VALUE)", *lines)) if lines else ""


def _values(parameter: Asked) -> str:
    shown = str(parameter.default).lower() if isinstance(parameter.default, bool) else parameter.default
    default = "needed" if shown is None else f"default {shown!r}" if isinstance(shown, str) else f"default {shown}"
    values = f"one of {', '.join(map(repr, parameter.values))}" if parameter.values else parameter.type
    return f"{values}, {default}" + (f": {parameter.description}" if parameter.description else "")
