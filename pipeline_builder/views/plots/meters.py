"""A number in its place: where it lies beside the champion's, and within which bounds it has to be."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.views.formats import format_number
from pipeline_builder.views.plots.lines import Bound
from pipeline_builder.views.plots.scales import clamped, scale_of
from pipeline_builder.views.plots.svg import element, plot, title

_WIDTH, _HEIGHT = 170, 20


def meter_plot(name: str, value: float, champion: float | None, bounds: Sequence[Bound]) -> str:
    """Return a drawing of a number among its bounds: shaded is where it must not be, the ring is the champion's."""
    value = clamped(value)
    known = [value, *([clamped(champion)] if champion is not None else []), *(clamped(one.value) for one in bounds)]
    scale, middle = scale_of(known, 0, _WIDTH, room=0.18), _HEIGHT / 2
    parts = [element("rect", x=0, y=middle - 4, width=_WIDTH, height=8, rx=2, class_="track")]
    for one in bounds:
        at = scale.at(clamped(one.value))
        left, wide = (0.0, at) if one.kind == "min" else (at, _WIDTH - at)
        parts += [
            element("rect", x=left, y=middle - 4, width=float(wide), height=8, class_="beyond"),
            element("path", title(one.words), d=f"M{at:.1f} 1 V{_HEIGHT - 1}", class_="limit-mark"),
        ]
    if champion is not None:
        told = title(f"champion: {format_number(champion)}")
        parts.append(element("circle", told, cx=scale.at(clamped(champion)), cy=middle, r=4.5, class_="was"))
    good = all(one.kept(value) for one in bounds)
    told = title(f"this version: {format_number(value)}")
    parts.append(element("circle", told, cx=scale.at(value), cy=middle, r=4.0, class_=f"value{'' if good else ' bad'}"))
    about = [format_number(value), *(one.words for one in bounds)]
    about += [f"champion {format_number(champion)}"] if champion is not None else []
    return plot(name, ", ".join(about), (0, 0, _WIDTH, _HEIGHT), *parts, class_="plot meter-plot")
