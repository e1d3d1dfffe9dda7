"""The page of a run: the report of it, and around that what ran before and after, and what is otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline_builder.console.look import FRESH, SETTLED, Look
from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs.between import Between, compare_runs
from pipeline_builder.console.runs.listing import state_of
from pipeline_builder.console.runs.reading import Run, find_execution, is_left, kept_record, read_run, read_steps
from pipeline_builder.console.runs.step import StepView, step_view
from pipeline_builder.descriptions import JSON
from pipeline_builder.release.promote import waiting
from pipeline_builder.release.record import RunRecord
from pipeline_builder.views.days import Day
from pipeline_builder.views.headline import Headline
from pipeline_builder.views.links import RunLinks
from pipeline_builder.views.reported import days_before
from pipeline_builder.views.run_view import RunView, run_view

if TYPE_CHECKING:
    from pipeline_builder.console.urls import Url
    from pipeline_builder.release.past.summary import RunSummary

_NOTHING: Mapping[str, str] = MappingProxyType({})
_UNKNOWN: Mapping[str, JSON] = MappingProxyType({})
_NEAR = 200
"""Runs of a pipeline that are looked through for those before and after one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A run beside this one."""

    id: str
    word: str
    tone: str


_UNSAID: Mapping[str, bool] = MappingProxyType({"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What the page shows. `waits` are the models that a person has to decide about.

    `between` is what is otherwise than in the last run before that succeeded; None where there is none, or its record
    is gone. `progress` counts the steps that have ended, `at` names those that are at work; `left` says that nobody
    works on it any more, though it has not ended. `step` is the one whose panel is open. `missed` is why the step cache
    didn't answer, by step.
    """

    title: str
    pipeline: str
    id: str
    record: RunRecord
    live: bool
    left: bool
    kept: bool
    local: bool
    before: Near | None
    after: Near | None
    between: Between | None
    waits: tuple[str, ...]
    progress: tuple[int, int]
    at: tuple[str, ...]
    step: StepView | None
    missed: Mapping[str, str]
    days: tuple[Day, ...] = field(default=(), metadata=_UNSAID)
    prices: Mapping[str, float] = field(default_factory=dict, metadata=_UNSAID)
    now: datetime | None = field(default=None, metadata=_UNSAID)

    def drawn(self, url: Url) -> RunView:
        """Return what the report shows of it, with links to the pages of this console."""
        links = RunLinks(
            step=lambda name: url("step", pipeline=self.pipeline, id=self.id, step=name),
            log=lambda name: url("log", pipeline=self.pipeline, id=self.id, step=name),
            version=lambda group, version: url("version", group=group, version=version),
            group=lambda group: url("model", group=group),
            run=lambda pipeline, identity: url("run", pipeline=pipeline, id=identity),
        )
        now = self.now if self.live else None
        shown = run_view(self.record, days=self.days, prices=self.prices, links=links, missed=self.missed, now=now)
        if not self.live or shown.failed:
            return shown
        word = "Left" if self.left else "Stopping" if self.record.status == "Stopping" else "Runs"
        tone = "bad" if self.left else "now"
        return replace(shown, headline=Headline(word=word, sentence="What there is of it so far is shown.", tone=tone))


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
        record=record,
        live=run.going_on,
        left=run.going_on and is_left(look, run.record.execution, run.record.started),
        kept=run.kept,
        local=look.target.name == "local",
        before=before,
        after=after,
        between=_between(look, run, succeeded) if succeeded else None,
        waits=tuple(package.model for package in waiting(record)),
        progress=(done, len(record.steps)),
        at=tuple(step.name for step in record.steps if step.status in ("Starting", "Executing", "Stopping")),
        step=step_view(look, run, query.get("step")) if query.get("step") else None,
        missed=_missed(look, run),
        days=look.attempt(lambda: days_before(record, look.target), ()),
        prices=look.prices,
        now=look.now(),
    )


def _missed(look: Look, run: Run) -> Mapping[str, str]:
    """Return why the step cache didn't answer; what the record says itself is not asked for."""
    execution = run.execution
    if execution is None or any(step.missed for step in run.record.steps):
        return _NOTHING
    seconds = SETTLED if execution.status.ended else FRESH
    pipelines = look.target.pipelines
    return look.attempt(
        lambda: look.once(("why", execution.arn), seconds, lambda: pipelines.why_ran(execution.arn)), _NOTHING
    )


def _beside(look: Look, run: Run) -> tuple[Near | None, Near | None, RunSummary | None]:
    """Return the runs of the same pipeline before and after this one, and the last before it that succeeded."""
    from pipeline_builder.release.past.query import RunQuery

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
