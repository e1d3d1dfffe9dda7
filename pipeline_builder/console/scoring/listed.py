"""The list of inference pipelines: what each scores, how its newest days went, what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.scoring.asked import requests_of
from pipeline_builder.console.scoring.calendar import tone_of, words_of
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines, models_of
from pipeline_builder.console.urls import Url
from pipeline_builder.release.scoring.ledger import LedgerDay
from pipeline_builder.views.days import Day, day_of
from pipeline_builder.views.plots.svg import element, plot, title

_STRIP, _SIDE = 30, 12
"""Newest days of a strip, and pixels of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A model of an inference pipeline with its newest date."""

    model: str
    group: str
    version: int
    date: str
    status: str
    tone: str
    rows: int | None
    drift: float | None
    violations: int
    days: tuple[Day, ...] = field(default=(), metadata={"json": False})

    def strip(self, url: Url, pipeline: str) -> str:
        """Draw the newest dates side by side."""
        cells = [_cell(day, index, url("day", pipeline=pipeline, date=day.date)) for index, day in enumerate(self.days)]
        return plot(f"Newest days of {self.model}", "", (0, 0, len(self.days) * _SIDE, 18), *cells, class_="plot strip")


def _cell(day: Day, index: int, address: str) -> str:
    words = words_of(day)
    cell = element(
        "rect", title(words), x=index * _SIDE, y=0, width=_SIDE - 2, height=18, rx=2, class_=f"cell {tone_of(day)}"
    )
    return element("a", cell, href=address, aria_label=words) if address else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An inference pipeline; `open` is how many retrainings wait for an answer or a word."""

    handle: str
    pipeline: str
    count: int
    models: tuple[Scored, ...]
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The page; `unnamed` are inference pipelines of the manifest that nobody has composed or run yet."""

    rows: tuple[Row, ...]
    unnamed: tuple[str, ...]


def scoring_view(look: Look, query: Query) -> Scoring:
    """Return the manifest's inference pipelines, in its order."""
    del query
    manifest, named = look.manifest, inference_pipelines(look)
    handles = [entry.name for entry in manifest.pipelines if entry.kind == "inference"] if manifest else []
    return Scoring(
        rows=tuple(_row(look, handle, pipeline) for handle, pipeline in named.items()),
        unnamed=tuple(handle for handle in handles if handle not in named),
    )


def _row(look: Look, handle: str, pipeline: str) -> Row:
    days = days_of(look, pipeline)
    asked = requests_of(look, {day.package.group for day in days})
    return Row(
        handle=handle,
        pipeline=pipeline,
        count=len({day.date for day in days}),
        models=tuple(_scored([day for day in days if day.model == model]) for model in models_of(days)),
        open=sum(one.state != "settled" for one in asked),
    )


def _scored(days: Sequence[LedgerDay]) -> Scored:
    newest = days[-1]
    found = day_of(newest)
    return Scored(
        model=newest.model,
        group=newest.package.group,
        version=newest.package.version,
        date=newest.date,
        status=newest.status,
        tone=tone_of(found),
        rows=newest.rows.input,
        drift=found.drift,
        violations=found.violations,
        days=tuple(map(day_of, days[-_STRIP:])),
    )
