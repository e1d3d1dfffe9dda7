"""The page of a run: the report of it, and around that what ran before and after, and what is otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline_builder.console.look import Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs.between import Between, compare_runs
from pipeline_builder.console.runs.listing import state_of
from pipeline_builder.console.runs.reading import Run, find_execution, kept_record, read_run, read_steps
from pipeline_builder.console.runs.step import StepView, step_view
from pipeline_builder.descriptions import JSON
from pipeline_builder.release.promote import waiting
from pipeline_builder.views.reported import days_before
from pipeline_builder.views.run_view import RunView, run_view

if TYPE_CHECKING:
    from pipeline_builder.release.past.summary import RunSummary

_UNKNOWN: Mapping[str, JSON] = MappingProxyType({})
_NEAR = 200
"""Runs of a pipeline that are looked through for those before and after one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A run beside this one."""

    id: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What the page shows. `waits` are the models that a person has to decide about.

    `between` is what is otherwise than in the last run before that succeeded; None where there is none, or its record
    is gone. `progress` counts the steps that have ended, `at` names those that are at work; `step` is the one whose
    panel is open.
    """

    title: str
    pipeline: str
    id: str
    arn: str
    run: RunView
    live: bool
    kept: bool
    local: bool
    before: Near | None
    after: Near | None
    between: Between | None
    waits: tuple[str, ...]
    progress: tuple[int, int]
    at: tuple[str, ...]
    step: StepView | None


def run_page(look: Look, query: Query, *, pipeline: str, id: str) -> RunPage:  # noqa: A002 - a part of its address
    """Return what is shown of a run; `?step=` opens a step's panel.

    Raises:
        InputProblems: PB040 where there is no such run, PB041 where it has no such step.
    """
    run = read_run(look, pipeline, id)
    record = run.record
    before, after, succeeded = _beside(look, run)
    done = sum(step.status in ("Succeeded", "Failed", "Stopped", "Skipped") for step in record.steps)
    return RunPage(
        title=f"{record.pipeline} {run.id}",
        pipeline=record.pipeline,
        id=run.id,
        arn=record.execution,
        run=run_view(record, days=look.attempt(lambda: days_before(record, look.target), ()), prices=look.prices),
        live=run.going_on,
        kept=run.kept,
        local=look.target.name == "local",
        before=before,
        after=after,
        between=_between(look, run, succeeded) if succeeded else None,
        waits=tuple(package.model for package in waiting(record)),
        progress=(done, len(record.steps)),
        at=tuple(step.name for step in record.steps if step.status in ("Starting", "Executing", "Stopping")),
        step=step_view(look, run, query.get("step")) if query.get("step") else None,
    )


def _beside(look: Look, run: Run) -> tuple[Near | None, Near | None, RunSummary | None]:
    """Return the runs of the same pipeline before and after this one, and the last before it that succeeded."""
    from pipeline_builder.release.past.query import RunQuery

    look.attempt(look.index.refresh, 0)
    known, _ = look.index.runs(RunQuery(pipeline=run.record.pipeline), offset=0, limit=_NEAR)
    place = next((index for index, one in enumerate(known) if one.id == run.id), None)
    if place is None:
        return None, None, None
    earlier = known[place + 1 :]
    succeeded = next((one for one in earlier if one.status == "Succeeded" and one.kept), None)
    return _near(earlier[0] if earlier else None), _near(known[place - 1] if place else None), succeeded


def _near(run: RunSummary | None) -> Near | None:
    if run is None:
        return None
    word, tone = state_of(run)
    return Near(id=run.id, word=word, tone=tone)


def _between(look: Look, run: Run, before: RunSummary) -> Between | None:
    """Return what is otherwise than in another run; None where that can't be read any more."""
    record = look.attempt(lambda: kept_record(look, before.pipeline, before.id), None)
    if record is None:
        return None
    if record.definition_sha256 == run.record.definition_sha256:
        return compare_runs(record, run.record, {}, {})
    other = Run(
        record=record, execution=look.attempt(lambda: find_execution(look, before.pipeline, before.id), None), kept=True
    )
    old = look.attempt(lambda: read_steps(look, other).written, _UNKNOWN)
    new = look.attempt(lambda: read_steps(look, run).written, _UNKNOWN)
    return compare_runs(record, run.record, old, new)
