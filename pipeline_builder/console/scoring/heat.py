"""Heat: columns by days, as dark as a statistic is far; what is beyond its bound has another colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.console.scoring.columns import DayDrift
from pipeline_builder.views.formats import format_statistic
from pipeline_builder.views.plots.svg import element, label, plot, title

_ROW, _LEFT, _TOP, _WIDTH = 20, 190, 22, 780
_MOST_NAME = 26
_SHADES = 4
_NEAR = 0.02
"""Of the bound: what is less isn't worth a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatDay:
    """A day with what its monitor has found."""

    date: str
    drift: DayDrift


def heat(name: str, days: Sequence[HeatDay], columns: Sequence[str], statistic: str, href: Callable[[str], str]) -> str:
    """Return a row for each column, a cell for each day; a column's name leads to its line over time."""
    if not days or not columns:
        return ""
    grid = _Grid(
        values=[one.drift.values.get(statistic, {}) for one in days],
        bounds=[(one.drift.own.get(statistic, {}), one.drift.bounds.get(statistic)) for one in days],
        wide=_WIDTH / len(days),
        top=max((max(found.values()) for one in days if (found := one.drift.values.get(statistic))), default=0.0)
        or 1.0,
    )
    parts = [
        part
        for row, column in enumerate(columns)
        for part in _row(column, grid, y=_TOP + row * _ROW, address=href(column))
    ]
    ends = [label(_LEFT, _TOP - 8, days[0].date), label(_LEFT + _WIDTH, _TOP - 8, days[-1].date, anchor="end")]
    size = (0, 0, _LEFT + _WIDTH + 4, _TOP + len(columns) * _ROW + 4)
    return plot(name, f"{len(columns)} columns over {len(days)} days", size, *ends, *parts, class_="plot heat")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The values of a statistic by day, with the bounds of columns and of all, and how wide a cell is."""

    values: Sequence[Mapping[str, float]]
    bounds: Sequence[tuple[Mapping[str, float], float | None]]
    wide: float
    top: float


def _row(column: str, grid: _Grid, *, y: int, address: str) -> list[str]:
    short = column if len(column) <= _MOST_NAME else f"{column[: _MOST_NAME - 9]}…{column[-8:]}"
    cells: dict[str, list[str]] = {}
    # A cell is a part of one path: a rectangle of its own would be six times as long.
    side = f"{max(grid.wide - 0.6, 0.8):.1f}"
    shape, top, found = f"h{side}v{_ROW - 4}h-{side}z", grid.top, [one.get(column) for one in grid.values]
    for index, value in enumerate(found):
        if value is not None:
            own, shared = grid.bounds[index]
            if shade := _shade(value, own.get(column, shared), top):
                cells.setdefault(shade, []).append(f"M{_LEFT + index * grid.wide:.1f} {y}{shape}")
    worst = max((value for value in found if value is not None), default=0.0)
    told = title(f"{column}: at most {format_statistic(worst)}")
    named = label(_LEFT - 8, y + 12, short, anchor="end")
    return [
        element("rect", told, x=_LEFT, y=y, width=_WIDTH, height=_ROW - 4, class_="ground"),
        *(element("path", d="".join(parts), class_=shade) for shade, parts in cells.items()),
        element("a", named, href=address, aria_label=f"{column} over time") if address else named,
    ]


def _shade(value: float, bound: float | None, top: float) -> str:
    """Return the class of a cell: beyond its bound, or how near it is to that; without one, to the greatest value."""
    if bound is not None and value > bound:
        return "beyond2" if value > 2 * bound else "beyond1"
    share = value / (bound or top)
    return f"near{min(int(share * _SHADES) + 1, _SHADES)}" if share >= _NEAR else ""
