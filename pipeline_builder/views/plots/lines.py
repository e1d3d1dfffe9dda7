"""Lines: numbers over versions or over time, with the bounds that they have to keep, and what happened when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipeline_builder.views.bounds import MOST_POINTS
from pipeline_builder.views.formats import format_number
from pipeline_builder.views.plots.scales import Scale, clamped, scale_of, tick_words, ticks, time_ticks, whole_ticks
from pipeline_builder.views.plots.svg import element, label, path_of, plot, thinned, title

Tone = Literal["good", "wait", "bad", "idle", ""]
_FAR = 2.0
"""So many times the height of all points a bound may be away, and is still drawn at its place."""
_MOST_SERIES = 8
_MOST_MARKS = 60
_LETTER = 6.4
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 18, 26, 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A number at a version or a moment; `label` is what a reader is told of it, `href` where it leads.

    `champion` is drawn larger, `tone` gives it a colour.
    """

    x: float | datetime
    y: float
    label: str = ""
    href: str = ""
    champion: bool = False
    tone: Tone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points of one thing, in the order of x."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a number has to be at least or at most, and a word why; what is beyond it is shaded."""

    value: float
    kind: Literal["min", "max"]
    note: str = ""

    @property
    def words(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{'at least' if self.kind == 'min' else 'at most'} {format_number(self.value)}{note}"

    def kept(self, value: float) -> bool:
        """Tell whether a number is within."""
        return value >= self.value if self.kind == "min" else value <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at a version or a moment: a promotion, a rollback."""

    x: float | datetime
    words: str
    tone: Tone = "good"


@dataclass(frozen=True, slots=True)
class _Axes:
    x: Scale
    y: Scale
    time: bool
    width: int
    height: int


def line_plot(
    name: str,
    series: Sequence[Series],
    *,
    bounds: Sequence[Bound] = (),
    marks: Sequence[Mark] = (),
    size: tuple[int, int] = (640, 200),
) -> str:
    """Return a drawing of lines; `size` is that of the whole picture. Without any point there is nothing: ""."""
    series = [one for one in series if one.points][:_MOST_SERIES]
    if not series:
        return ""
    axes = _axes(series, bounds, marks, size)
    named = len(series) > 1
    return plot(
        name, _about(series, bounds), (0, 0, *size),
        *_grid(axes), *_bounds(bounds, axes), *_marks(marks[:_MOST_MARKS], axes),
        *(part for index, one in enumerate(series) for part in _line(one, index, axes)),
        *_bound_words(bounds, axes), *(_legend(series) if named else ()),
        class_="plot lines",
    )  # fmt: skip


def _axes(series: Sequence[Series], bounds: Sequence[Bound], marks: Sequence[Mark], size: tuple[int, int]) -> _Axes:
    width, height = size
    xs = [_x(point.x) for one in series for point in one.points] + [_x(mark.x) for mark in marks]
    ys = [clamped(point.y) for one in series for point in one.points]
    low, high = min(ys), max(ys)
    reach = ((high - low) or abs(high) * 0.1 or 1.0) * _FAR
    near = [bound.value for bound in bounds if low - reach <= bound.value <= high + reach]
    return _Axes(
        x=scale_of(xs, _LEFT, width - _RIGHT, room=0.03),
        y=scale_of([*ys, *near], height - _BOTTOM, _TOP, room=0.1),
        time=any(isinstance(point.x, datetime) for one in series for point in one.points),
        width=width,
        height=height,
    )


def _x(x: float | datetime) -> float:
    return x.timestamp() if isinstance(x, datetime) else clamped(x)


def _grid(axes: _Axes) -> Iterator[str]:
    """Yield the lines behind, and the numbers at them."""
    left, right, base = axes.x.start, axes.x.end, axes.y.start
    upright = ticks(axes.y, 4)
    for value, words in zip(upright, tick_words(upright), strict=True):
        y = axes.y.at(value)
        yield element("path", d=path_of([(left, y), (right, y)]), class_="tick")
        yield label(left - 8, y + 4, words, anchor="end")
    named = time_ticks(axes.x) if axes.time else [(value, f"v{value:.0f}") for value in whole_ticks(axes.x)]
    for value, words in named:
        x, wide = axes.x.at(value), len(words) * _LETTER / 2
        yield label(min(x, axes.width - wide - 2), base + 18, words, anchor="middle")
    yield element("path", d=path_of([(left, base), (right, base)]), class_="axis")


def _bounds(bounds: Sequence[Bound], axes: _Axes) -> Iterator[str]:
    """Yield each bound that is near with what is beyond it shaded."""
    left, right, top, base = axes.x.start, axes.x.end, axes.y.end, axes.y.start
    for bound in bounds:
        if axes.y.holds(bound.value):
            y, edge = axes.y.at(bound.value), top if bound.kind == "max" else base
            yield element("rect", x=left, y=min(y, edge), width=right - left, height=abs(edge - y), class_="beyond")
            yield element("path", d=path_of([(left, y), (right, y)]), class_="bound")


def _bound_words(bounds: Sequence[Bound], axes: _Axes) -> Iterator[str]:
    """Yield what each bound is, in front of the lines; one that is far away is told at the edge that it is behind."""
    right, top, base = axes.x.end, axes.y.end, axes.y.start
    for bound in bounds:
        y, words = axes.y.at(bound.value), bound.words
        if not axes.y.holds(bound.value):
            above = bound.value > axes.y.high
            words, y = f"{words} {'↑' if above else '↓'}", top + 17 if above else base - 1
        yield label(right, y - 5 if y - top > 16 else y + 13, words, anchor="end", class_="limit")


def _marks(marks: Sequence[Mark], axes: _Axes) -> Iterator[str]:
    """Yield a line for each thing that happened; words where there is room for them, always for who points at it."""
    free = 0.0
    for mark in sorted(marks, key=lambda mark: _x(mark.x)):
        x = axes.x.at(_x(mark.x))
        parts = [title(mark.words), element("path", d=path_of([(x, axes.y.end - 8), (x, axes.y.start)]), class_="mark")]
        wide = len(mark.words) * _LETTER / 2
        if x - wide >= free and x + wide <= axes.width:
            parts.append(label(x, axes.y.end - 12, mark.words, anchor="middle"))
            free = x + wide + 8
        yield element("g", *parts, class_=f"marked {mark.tone}")


def _line(one: Series, index: int, axes: _Axes) -> Iterator[str]:
    places = [(axes.x.at(_x(point.x)), axes.y.at(clamped(point.y))) for point in one.points]
    if len(places) > 1:
        yield element("path", d=path_of(thinned(places, MOST_POINTS)), class_=f"line s{index}")
    if len(places) > MOST_POINTS:
        return
    for point, (x, y) in zip(one.points, places, strict=True):
        told = point.label or f"{one.name}: {format_number(point.y)}"
        classes = " ".join(filter(None, ("dot", f"s{index}", point.tone, "champion" if point.champion else "")))
        dot = element("circle", title(told), cx=x, cy=y, r=6.5 if point.champion else 4.0, class_=classes)
        yield element("a", dot, href=point.href, aria_label=told) if point.href else dot


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = float(_LEFT)
    for index, one in enumerate(series):
        name = one.name if len(one.name) <= 24 else f"{one.name[:23]}…"
        yield element("path", d=path_of([(x, 9.0), (x + 16, 9.0)]), class_=f"line s{index}")
        yield label(x + 22, 13, name)
        x += 34 + len(name) * _LETTER


def _about(series: Sequence[Series], bounds: Sequence[Bound]) -> str:
    """Say what the drawing shows: the last number of each line, and what the bounds are."""
    said = [f"{one.name}: {len(one.points)} values, the last {format_number(one.points[-1].y)}" for one in series]
    return "; ".join([*said, *(bound.words for bound in bounds)])
