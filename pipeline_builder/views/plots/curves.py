"""Curves between 0 and 1 on both axes: ROC, precision and recall, of one model or of several beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.release.metrics import Curve
from pipeline_builder.views.bounds import MOST_POINTS
from pipeline_builder.views.plots.svg import Place, element, label, path_of, plot, thinned, title, words

SIDE = 205
"""Width and height of the axes, in pixels."""
_MOST_CURVES = 4
_ROW, _LONGEST = 16, 34
"""Of the legend: pixels of a line, and characters of a name."""


def curve_plot(named: Sequence[tuple[str, Curve]], *, chance: bool = False) -> str:
    """Return a drawing of one kind of curve, a line for each name; the first is in front, the others are dashed.

    Without any curve there is nothing: "".
    """
    named = named[:_MOST_CURVES]
    if not named:
        return ""
    first = named[0][1]
    lines = [part for index, (name, curve) in reversed([*enumerate(named)]) for part in _line(index, name, curve)]
    several = len(named) > 1
    return plot(
        first.name, f"{first.y_label} over {first.x_label}: {', '.join(name for name, _ in named)}",
        (-38, -8, SIDE + 50, SIDE + 50 + (len(named) * _ROW if several else 0)),
        *_grid(first),
        *([element("path", d=f"M0 {SIDE} L{SIDE} 0", class_="chance")] if chance else []),
        *lines,
        element("path", d=f"M0 0 V{SIDE} H{SIDE}", class_="axis"),
        *(_legend([name for name, _ in named]) if several else ()),
    )  # fmt: skip


def _grid(curve: Curve) -> Iterator[str]:
    for part in (0.25, 0.5, 0.75):
        at = SIDE * part
        yield element("path", d=f"M0 {at:.1f} H{SIDE} M{at:.1f} 0 V{SIDE}", class_="tick")
    for part, word in ((0.0, "0"), (0.5, "0.5"), (1.0, "1")):
        yield label(SIDE * part, SIDE + 14, word, anchor="middle")
        yield label(-6, SIDE * (1 - part) + 4, word, anchor="end")
    yield label(SIDE / 2, SIDE + 32, curve.x_label, anchor="middle")
    turned = f"translate(-28 {SIDE / 2}) rotate(-90)"
    yield element("text", words(curve.y_label), transform=turned, text_anchor="middle")


def _line(index: int, name: str, curve: Curve) -> Iterator[str]:
    places: list[Place] = [(x * SIDE, (1 - y) * SIDE) for x, y in curve.points]
    d = path_of(thinned(places, MOST_POINTS))
    if index == 0:
        yield element("path", d=f"M{places[0][0]:.1f} {SIDE} L{d[1:]} L{places[-1][0]:.1f} {SIDE} Z", class_="area")
    yield element("path", title(name), d=d, class_=f"line s{index}")


def _legend(names: Sequence[str]) -> Iterator[str]:
    """Yield a word for each line below the axes."""
    for index, name in enumerate(names):
        y, short = SIDE + 50 + index * _ROW, name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        yield element("path", d=f"M0 {y - 4} h16", class_=f"line s{index}")
        yield label(22, y, short)
