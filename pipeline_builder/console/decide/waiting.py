"""The page of all that waits for a word, the oldest first: versions of models, and days that the gate has held back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline_builder.console.decide.subject import open_questions
from pipeline_builder.console.look import FRESH
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.summary import ModelSummary, RunSummary
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.views.days import day_of

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.console.pages import Query
    from pipeline_builder.descriptions import OpenApproval
    from pipeline_builder.views.days import Day

_MOST_RUNS = 200
_MOST_DAYS = 100
MOST_METRICS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingModel:
    """A version that nobody has decided about; `metrics` are its first numbers."""

    model: str
    group: str
    version: int
    champion_version: int
    metrics: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRun:
    """A run some of whose models wait; `service` is the pipeline of CodePipeline that asks about it, `others` is how
    many of its models are no question any more.
    """

    pipeline: str
    id: str
    started: datetime
    ended: datetime | None
    trigger: str
    models: tuple[WaitingModel, ...]
    others: int
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDay:
    """A logical date whose predictions were not published, and why; the command looks at it again."""

    pipeline: str
    model: str
    date: str
    status: str
    why: str
    id: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """What the page shows; `left` is how many runs are left out."""

    runs: tuple[WaitingRun, ...]
    days: tuple[WaitingDay, ...]
    left: int = 0


def waiting_view(look: Look, query: Query) -> WaitingView:
    """Return all that waits for a word, the oldest first."""
    del query
    found, total = look.index.runs(RunQuery(state="waiting"), limit=_MOST_RUNS)
    asked = look.attempt(lambda: open_questions(look), ())
    runs = [one for run in found if (one := _waiting(look, run, asked))]
    days = [day for handle, name in inference_pipelines(look).items() for day in _days(look, handle, name)]
    return WaitingView(
        runs=tuple(sorted(runs, key=lambda run: (run.started, run.id))),
        days=tuple(sorted(days, key=lambda day: (day.date, day.pipeline, day.model)))[:_MOST_DAYS],
        left=max(total - len(found), 0),
    )


def _waiting(look: Look, run: RunSummary, asked: Sequence[OpenApproval]) -> WaitingRun | None:
    """Return a run that waits, as the registry has it now: a record is of when it was written."""
    models = [model for model in run.models if model.waits and _waits(look, model)]
    if not models:
        return None
    return WaitingRun(
        pipeline=run.pipeline,
        id=run.id,
        started=run.started,
        ended=run.ended,
        trigger=run.trigger,
        models=tuple(map(_shown, models)),
        others=len(run.models) - len(models),
        service=next((one.pipeline for one in asked if one.run == run.execution), ""),
    )


def _waits(look: Look, model: ModelSummary) -> bool:
    """Tell whether a version waits: not where a newer one of its group is decided about."""
    versions = look.attempt(lambda: _versions(look, model.group), ())
    newer = any(one.version > model.version and one.status is not ApprovalStatus.PENDING for one in versions)
    mine = next((one for one in versions if one.version == model.version), None)
    return not newer and mine is not None and standing(mine) is Standing.WAITING


def _versions(look: Look, group: str) -> Sequence[ModelPackage]:
    return look.once(("versions", group), FRESH, lambda: look.target.registry.list_packages(group))


def _shown(model: ModelSummary) -> WaitingModel:
    return WaitingModel(
        model=model.model,
        group=model.group,
        version=model.version,
        champion_version=model.champion_version,
        metrics=tuple(model.metrics.items())[:MOST_METRICS],
    )


def _days(look: Look, handle: str, pipeline: str) -> Iterator[WaitingDay]:
    """Yield the days of a pipeline that scores whose predictions were held back."""
    for day in map(day_of, days_of(look, pipeline)[-_MOST_DAYS:]):
        if day.status in ("blocked", "failed"):
            yield _day(handle, pipeline, day)


def _day(handle: str, pipeline: str, day: Day) -> WaitingDay:
    why = f"{day.violations} violations" if day.violations else "its run failed" if day.status == "failed" else ""
    command = f"pipeline-builder up --pipeline {shlex.quote(handle)} --date {shlex.quote(day.date)}"
    return WaitingDay(
        pipeline=pipeline,
        model=day.model,
        date=day.date,
        status=day.status,
        why=why or "the gate has blocked it",
        id=day.execution.rsplit("/", 1)[-1],
        command=command,
    )
