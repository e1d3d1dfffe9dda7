"""Drift by column over time: what of it is drawn, as lines and as a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timezone

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.scoring.columns import DayDrift, rank_columns, read_missing, statistics_of
from pipeline_builder.console.scoring.heat import HeatDay, heat
from pipeline_builder.console.scoring.shelf import shelf_of
from pipeline_builder.console.urls import Url
from pipeline_builder.release.scoring.ledger import LedgerDay
from pipeline_builder.views.days import moment_of
from pipeline_builder.views.drift import STATISTICS
from pipeline_builder.views.formats import format_statistic
from pipeline_builder.views.plots.lines import Bound, Mark, Point, Series, line_plot

_MOST_LINES, _FIRST_LINES = 6, 3
_MOST_DOTS = 1500
"""Points of all lines of a drawing: each is some two hundred bytes."""
_MOST_HEAT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """What of the page's address stays where something else is chosen."""

    pipeline: str
    model: str
    span: int
    statistic: str

    def column(self, url: Url, column: str) -> str:
        """Return the address of the page with one column drawn; empty where there is only one page."""
        plain = url("scores", pipeline=self.pipeline)
        asked = url("scores", pipeline=self.pipeline, model=self.model, days=self.span, statistic=self.statistic,
                    column=column)  # fmt: skip
        return "" if asked == plain else f"{asked}#drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Drift by column over time: the `statistic` that is drawn, of the `statistics` that there are.

    `columns` are those with a line, `others` what can be chosen besides; `unread` are days whose files come next time,
    `faults` those that can't be read.
    """

    statistic: str
    statistics: tuple[tuple[str, str], ...]
    bound: float | None
    columns: tuple[str, ...]
    others: tuple[str, ...]
    count: int
    days: int
    unread: int
    faults: tuple[str, ...]
    values: Mapping[str, tuple[tuple[str, float], ...]]
    at: At
    read: tuple[HeatDay, ...] = field(default=(), metadata={"json": False})
    worst: tuple[str, ...] = field(default=(), metadata={"json": False})
    turns: tuple[Mark, ...] = field(default=(), metadata={"json": False})

    def lines(self, url: Url) -> str:
        """Draw the chosen columns over time; each point leads to its day."""
        places = {one.date: when.replace(tzinfo=timezone.utc) for one in self.read if (when := moment_of(one.date))}
        hrefs = {date: url("day", pipeline=self.at.pipeline, date=date) for date in places}
        series = [
            Series(
                name=column,
                points=tuple(
                    Point(
                        x=places[date], y=value, label=f"{date}: {column} {format_statistic(value)}", href=hrefs[date]
                    )
                    for date, value in self.values[column]
                    if date in places
                ),
            )
            for column in self.columns
        ]
        bounds = [Bound(value=self.bound, kind="max")] if self.bound is not None else []
        title = f"{STATISTICS.get(self.statistic, self.statistic)} by day"
        return line_plot(title, series, bounds=bounds, marks=self.turns, size=(900, 240))

    def heat(self, url: Url) -> str:
        """Draw the columns that have drifted most as cells."""
        return heat(
            "Drift by column", self.read, self.worst, self.statistic, lambda column: self.at.column(url, column)
        )


def find_drift(look: Look, query: Query, at: At, days: Sequence[LedgerDay]) -> Drift | None:
    """Return what is drawn of some days' drift; None where nobody has watched any of them."""
    watched = [(day, day.monitor.uri) for day in days if day.monitor and day.monitor.uri]
    if not watched:
        return None
    shelf = shelf_of(look, at.pipeline)
    with shelf.lock:
        unread = read_missing(shelf.drifts, [uri for _, uri in watched], look.target)
    read = [HeatDay(date=day.date, drift=shelf.drifts[uri]) for day, uri in watched if uri in shelf.drifts]
    drifts = [one.drift for one in read]
    statistics = statistics_of(drifts)
    statistic = at.statistic if at.statistic in statistics else next(iter(statistics), "")
    ranked = rank_columns(drifts, statistic)
    columns = _chosen(query, ranked, len(read))
    return Drift(
        statistic=statistic,
        statistics=tuple((name, STATISTICS[name]) for name in statistics),
        bound=_bound(drifts, statistic, columns),
        columns=columns,
        others=tuple(column for column in ranked if column not in columns),
        count=len(ranked),
        days=len(read),
        unread=unread,
        faults=tuple(dict.fromkeys(f"{one.date}: {one.drift.fault}" for one in read if one.drift.fault))[:10],
        values={column: _values(read, column, statistic) for column in columns},
        at=replace(at, statistic=statistic),
        read=tuple(read),
        worst=ranked[:_MOST_HEAT],
        turns=tuple(_versions(days)),
    )


def _chosen(query: Query, ranked: Sequence[str], days: int) -> tuple[str, ...]:
    most = max(min(_MOST_LINES, _MOST_DOTS // max(days, 1)), 1)
    asked = [name for name in dict.fromkeys(query.getlist("column")) if name in ranked]
    return tuple(asked[:most]) or tuple(ranked[: min(_FIRST_LINES, most)])


def _values(days: Sequence[HeatDay], column: str, statistic: str) -> tuple[tuple[str, float], ...]:
    found = ((one.date, one.drift.values.get(statistic, {}).get(column)) for one in days)
    return tuple((date, value) for date, value in found if value is not None)


def _bound(drifts: Sequence[DayDrift], statistic: str, columns: Sequence[str]) -> float | None:
    """Return the newest bound of the columns that are drawn, where it is the same for all of them."""
    newest = next((one for one in reversed(drifts) if one.values), None)
    found = {newest.bound(statistic, column) for column in columns} if newest else set()
    return next(iter(found)) if len(found) == 1 else None


def _versions(days: Sequence[LedgerDay]) -> Iterator[Mark]:
    """Yield where another version was used first."""
    before = 0
    for day in days:
        when = moment_of(day.date)
        if when and before and day.package.version not in (before, 0):
            yield Mark(x=when.replace(tzinfo=timezone.utc), words=f"v{day.package.version}", tone="idle")
        before = day.package.version or before
