"""Sparks: a handful of numbers as a line no larger than a word."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.views.formats import format_number
from pipeline_builder.views.plots.scales import scale_of
from pipeline_builder.views.plots.svg import element, path_of, title

WIDTH, HEIGHT = 96, 24
_ROOM = 4


def spark(name: str, values: Sequence[float]) -> str:
    """Return the values as a line with a dot at the last; nothing of fewer than two."""
    if len(values) < 2:
        return ""
    scale = scale_of(values, HEIGHT - _ROOM, _ROOM, room=0)
    step = (WIDTH - 2 * _ROOM) / (len(values) - 1)
    places = [(_ROOM + index * step, scale.at(value)) for index, value in enumerate(values)]
    x, y = places[-1]
    told = f"{name}: {len(values)} versions, from {format_number(values[0])} to {format_number(values[-1])}"
    return element(
        "svg", title(told), element("path", d=path_of(places), class_="line s0"),
        element("circle", cx=x, cy=y, r=2.5, class_="dot s0"),
        xmlns="http://www.w3.org/2000/svg", class_="plot spark", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH,
        height=HEIGHT, role="img", aria_label=told,
    )  # fmt: skip
