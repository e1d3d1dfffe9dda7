"""Plots of a regression: predicted over actual, what is left between them, and how large the errors are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline_builder.release.regressions import Histogram
from pipeline_builder.views.bounds import MOST_POINTS
from pipeline_builder.views.formats import format_number, format_percent
from pipeline_builder.views.plots.scales import Scale, clamped, scale_of, tick_words, ticks
from pipeline_builder.views.plots.svg import element, label, path_of, pixels, plot, thinned, title, words

SIDE = 205
"""Width and height of the axes, in pixels."""
_BOX = (-66, -8, SIDE + 78, SIDE + 50)
_WIDEST = 7
"""Letters of a number that there is room for at an axis."""
_MOST_COLUMNS = 100
Pairs = Sequence[tuple[float, float]]


def scatter_plot(pairs: Pairs) -> str:
    """Return a drawing of what was predicted over what was so; on the line both are the same. "" without any."""
    if not pairs:
        return ""
    shown = thinned([(clamped(actual), clamped(predicted)) for actual, predicted in pairs], MOST_POINTS)
    values = [value for pair in shown for value in pair]
    across, up = scale_of(values, 0, SIDE), scale_of(values, SIDE, 0)
    dots = "".join(f"M{pixels(across.at(x))} {pixels(up.at(y))}h0" for x, y in shown)
    about = f"{len(shown):,} of {len(pairs):,} rows" if len(shown) < len(pairs) else f"{len(pairs):,} rows"
    return plot(
        "Predicted and actual", about, _BOX, *_axes(across, up, "actual", "predicted"),
        element("path", d=f"M0 {SIDE} L{SIDE} 0", class_="chance"), element("path", d=dots, class_="points"),
    )  # fmt: skip


def residuals_plot(found: Histogram | None, champion: Histogram | None = None) -> str:
    """Return a drawing of how far off how many are, the champion's outline in front. "" without any."""
    if found is None or len(found.counts) > _MOST_COLUMNS:
        return ""
    before = champion if champion and len(champion.counts) <= _MOST_COLUMNS else None
    both = [one for one in (found, before) if one]
    across = scale_of([edge for one in both for edge in one.edges], 0, SIDE, room=0.02)
    up = scale_of([share for one in both for share in _density(one)], SIDE, 0, zero=True)
    columns = (
        element(
            "rect", title(f"{format_number(low)} to {format_number(high)}: {format_number(count)}"),
            x=across.at(low), y=up.at(tall), class_="column",
            width=max(across.at(high) - across.at(low) - 0.5, 0.5), height=SIDE - up.at(tall),
        )
        for (low, high), tall, count in zip(pairwise(found.edges), _density(found), found.counts, strict=True)
    )  # fmt: skip
    zero = [element("path", d=path_of([(across.at(0), 0), (across.at(0), SIDE)]), class_="chance")]
    return plot(
        "Residuals", f"{format_number(sum(found.counts))} rows between {format_number(found.edges[0])} and "
        f"{format_number(found.edges[-1])}", _BOX,
        *_axes(across, up, "actual - predicted", "share of rows", upright=False), *columns,
        *(zero if across.holds(0) else ()), *(_outline(before, across, up) if before else ()),
    )  # fmt: skip


def _density(found: Histogram) -> list[float]:
    """Return how large a share of all is in each column: two runs have been tested on different numbers of rows."""
    total = sum(found.counts) or 1.0
    return [count / total for count in found.counts]


def _outline(found: Histogram, across: Scale, up: Scale) -> Iterator[str]:
    heights = _density(found)
    steps = [
        (across.at(x), up.at(tall)) for (low, high), tall in zip(pairwise(found.edges), heights, strict=True)
        for x in (low, high)
    ]  # fmt: skip
    ends = ((steps[0][0], float(SIDE)), (steps[-1][0], float(SIDE)))
    yield element("path", title("champion"), d=path_of([ends[0], *steps, ends[1]]), class_="before")


def quantiles_plot(found: Pairs, champion: Pairs = ()) -> str:
    """Return a drawing of which share of the rows is off by no more than how much; the champion's is dashed."""
    if len(found) < 2:
        return ""
    across = Scale(low=0.0, high=1.0, start=0.0, end=float(SIDE))
    up = scale_of([error for _, error in (*found, *champion)], SIDE, 0, zero=True)
    lines = [
        element(
            "path", title(name), d=path_of((across.at(x), up.at(clamped(y))) for x, y in pairs), class_=f"line {kind}"
        )
        for name, kind, pairs in (("champion", "s1", champion), ("this version", "s0", found))
        if len(pairs) > 1
    ]
    half = next((error for share, error in found if share >= 0.5), found[-1][1])
    about = f"half of the rows are off by at most {format_number(half)}"
    return plot(
        "Absolute error", about, _BOX, *_axes(across, up, "share of rows", "off by at most"), *lines,
    )  # fmt: skip


def _axes(across: Scale, up: Scale, x_label: str, y_label: str, *, upright: bool = True) -> Iterator[str]:
    """Yield the grid with its numbers; where the height is a share, as percents."""
    heights, widths = ticks(up, 4), ticks(across, 4)
    numbers = tick_words(heights, _WIDEST) if upright else [format_percent(value) for value in heights]
    for value, number in zip(heights, numbers, strict=True):
        y = up.at(value)
        yield element("path", d=path_of([(0, y), (SIDE, y)]), class_="tick")
        yield label(-6, y + 4, number, anchor="end")
    for value, number in zip(widths, tick_words(widths, _WIDEST), strict=True):
        yield label(across.at(value), SIDE + 14, number, anchor="middle")
    yield element("path", d=f"M0 0 V{SIDE} H{SIDE}", class_="axis")
    yield label(SIDE / 2, SIDE + 32, x_label, anchor="middle")
    yield element("text", words(y_label), transform=f"translate(-56 {SIDE / 2}) rotate(-90)", text_anchor="middle")
