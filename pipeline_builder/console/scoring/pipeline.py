"""An inference pipeline's page: its days as a calendar and over time, and how each column of its data drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.paging import Pages, page_of
from pipeline_builder.console.scoring.asked import Request, requests_of
from pipeline_builder.console.scoring.calendar import calendar, tone_of
from pipeline_builder.console.scoring.drift import At, Drift, find_drift
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines, models_of, shelf_of
from pipeline_builder.console.urls import Url
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.scoring.ledger import LedgerDay
from pipeline_builder.views.days import Day, Timeline, day_of, timelines

SPANS = (30, 90, 366)
_SPAN = 90
_MOST_ROWS = 50


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
    pipeline = named(look, pipeline)
    days, handle = days_known(look, pipeline)
    models = models_of(days)
    model = query.get("model") if query.get("model") in models else next(iter(models), "")
    span = query.number("days", _SPAN)
    own = [day for day in days if day.model == model]
    shown = own[-(span if span in SPANS else _SPAN) :]
    at = At(pipeline=pipeline, model=model, span=span if span in SPANS else _SPAN, statistic=query.get("statistic"))
    drift = find_drift(look, query, at, shown)
    rows, pages = page_of(own[::-1], query, most=_MOST_ROWS)
    worst = _worst(look, pipeline, drift, rows)
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


def named(look: Look, pipeline: str) -> str:
    """Return what SageMaker calls a pipeline; people type its handle in the manifest, too."""
    return inference_pipelines(look).get(pipeline, pipeline)


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


def _worst(look: Look, pipeline: str, drift: Drift | None, days: Sequence[LedgerDay]) -> dict[str, str]:
    """Return the column that has drifted most on each date of which the file has been read."""
    if drift is None:
        return {}
    drifts = shelf_of(look, pipeline).drifts
    found = {}
    for day in days:
        read = drifts.get(day.monitor.uri) if day.monitor else None
        if values := read.values.get(drift.statistic) if read else None:
            found[day.date] = max(values, key=lambda column: values[column])
    return found


def _bounds(model: str, drift: Drift | None) -> dict[str, float]:
    return {model: drift.bound} if drift and drift.bound is not None and drift.statistic == "psi" else {}
