"""An inference pipeline's page: its days as a calendar and over time, and how each column of its data drifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timezone

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.paging import Pages, page_of
from pipeline_builder.console.scoring.asked import Request, requests_of
from pipeline_builder.console.scoring.calendar import calendar, tone_of
from pipeline_builder.console.scoring.columns import DayDrift, rank_columns, read_missing, statistics_of
from pipeline_builder.console.scoring.heat import HeatDay, heat
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines, models_of, shelf_of
from pipeline_builder.console.urls import Url
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.scoring.ledger import LedgerDay
from pipeline_builder.views.days import Day, Timeline, day_of, moment_of, timelines
from pipeline_builder.views.drift import STATISTICS
from pipeline_builder.views.formats import format_statistic
from pipeline_builder.views.plots.lines import Bound, Mark, Point, Series, line_plot

SPANS = (30, 90, 366)
_SPAN = 90
_MOST_ROWS = 50
_MOST_LINES, _FIRST_LINES = 6, 3
_MOST_DOTS = 1500
"""Points of all lines of a drawing: each is some two hundred bytes."""
_MOST_HEAT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """A model's logical date as the page lists it; `where` is the pointer that readers follow."""

    date: str
    model: str
    status: str
    tone: str
    rows_in: int | None
    rows_out: int | None
    drift: float | None
    column: str
    violations: int
    actions: tuple[str, ...]
    group: str
    version: int
    where: str
    run: str
    reasons: tuple[str, ...]


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
        """Draw the chosen columns over time."""
        series = [Series(name=column, points=tuple(self._points(column, url))) for column in self.columns]
        bounds = [Bound(value=self.bound, kind="max")] if self.bound is not None else []
        title = f"{STATISTICS.get(self.statistic, self.statistic)} by day"
        return line_plot(title, series, bounds=bounds, marks=self.turns, size=(900, 240))

    def _points(self, column: str, url: Url) -> Iterator[Point]:
        for date, value in self.values[column]:
            if when := moment_of(date):
                told = f"{date}: {column} {format_statistic(value)}"
                href = url("day", pipeline=self.at.pipeline, date=date)
                yield Point(x=when.replace(tzinfo=timezone.utc), y=value, label=told, href=href)

    def heat(self, url: Url) -> str:
        """Draw the columns that have drifted most as cells."""
        return heat(
            "Drift by column", self.read, self.worst, self.statistic, lambda column: self.at.column(url, column)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The page of one model's days; `models` are those that the pipeline scores."""

    title: str
    pipeline: str
    handle: str
    model: str
    models: tuple[str, ...]
    span: int
    newest: DayRow | None
    rows: tuple[DayRow, ...]
    pages: Pages
    drift: Drift | None
    requests: tuple[Request, ...]
    spans: tuple[int, ...] = SPANS
    timelines: tuple[Timeline, ...] = field(default=(), metadata={"json": False})
    days: tuple[Day, ...] = field(default=(), metadata={"json": False})

    def calendar(self, url: Url) -> str:
        """Draw every date as a cell that leads to its page."""
        return calendar(f"Days of {self.model}", self.days, lambda date: url("day", pipeline=self.pipeline, date=date))


def scores_view(look: Look, query: Query, pipeline: str) -> Scores:
    """Return the days of an inference pipeline, those of one of its models.

    Raises:
        InputProblems: PB037 where there is no such inference pipeline.
    """
    days, handle = days_known(look, pipeline)
    models = models_of(days)
    model = query.get("model") if query.get("model") in models else next(iter(models), "")
    span = query.number("days", _SPAN)
    own = [day for day in days if day.model == model]
    shown = own[-(span if span in SPANS else _SPAN) :]
    at = At(pipeline=pipeline, model=model, span=span if span in SPANS else _SPAN, statistic=query.get("statistic"))
    drift = _drift(look, query, at, shown)
    rows, pages = page_of(own[::-1], query, most=_MOST_ROWS)
    worst = _worst(look, pipeline, drift)
    return Scores(
        title=handle or pipeline,
        pipeline=pipeline,
        handle=handle,
        model=model,
        models=models,
        span=at.span,
        newest=_row(own[-1], worst) if own else None,
        rows=tuple(_row(day, worst) for day in rows),
        pages=pages,
        drift=drift,
        requests=requests_of(look, {day.package.group for day in own}),
        timelines=tuple(timelines([day_of(day) for day in shown], now="", bounds=_bounds(model, drift))),
        days=tuple(day_of(day) for day in own),
    )


def days_known(look: Look, pipeline: str) -> tuple[tuple[LedgerDay, ...], str]:
    """Return the days of a pipeline, and its handle in the manifest."""
    known = inference_pipelines(look)
    handle = next((handle for handle, name in known.items() if name == pipeline), "")
    days = days_of(look, pipeline) if handle or is_name(pipeline) else ()
    if not days and not handle:
        names = ", ".join(f"'{name}'" for name in known.values())
        hint = f"there are: {names}" if names else "the manifest has no pipeline of the kind 'inference'"
        message = f"there is no inference pipeline '{pipeline}', and no day of it has been scored"
        raise InputProblems(Problem(id="PB037", message=message, hint=hint))
    return days, handle


def is_name(text: str) -> bool:
    """Tell whether this can be a pipeline's name: it goes into an address of the store."""
    return 0 < len(text) <= 256 and text.isascii() and all(char.isalnum() or char == "-" for char in text)


def _row(day: LedgerDay, worst: Mapping[str, str]) -> DayRow:
    found = day_of(day)
    return DayRow(
        date=day.date,
        model=day.model,
        status=day.status,
        tone=tone_of(found),
        rows_in=day.rows.input,
        rows_out=day.rows.predictions,
        drift=found.drift,
        column=worst.get(day.date, ""),
        violations=found.violations,
        actions=found.actions,
        group=day.package.group,
        version=day.package.version,
        where=found.published,
        run=found.execution,
        reasons=day.reasons,
    )


def _worst(look: Look, pipeline: str, drift: Drift | None) -> dict[str, str]:
    """Return the column that has drifted most on each date of which the file has been read."""
    if drift is None:
        return {}
    shelf = shelf_of(look, pipeline)
    found = {}
    for _, day in list(shelf.days.values()):
        read = shelf.drifts.get(day.monitor.uri) if day and day.monitor else None
        values = read.values.get(drift.statistic) if read else None
        if day and values:
            found[day.date] = max(values, key=lambda column: values[column])
    return found


def _bounds(model: str, drift: Drift | None) -> dict[str, float]:
    return {model: drift.bound} if drift and drift.bound is not None and drift.statistic == "psi" else {}


# --- drift by column


def _drift(look: Look, query: Query, at: At, days: Sequence[LedgerDay]) -> Drift | None:
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
