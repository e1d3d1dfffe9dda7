"""What goes on and what has not: decisions that wait, runs that go on with their graph, and what failed last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline_builder.console.look import Look
from pipeline_builder.console.runs.reading import is_left, read_run
from pipeline_builder.descriptions import ApprovalStatus, reason_line
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.past.keeping import read_kept
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.summary import ModelSummary, RunSummary
from pipeline_builder.release.record import StepRecord
from pipeline_builder.release.witness import at_once
from pipeline_builder.views.graphs.picture import render_svg
from pipeline_builder.views.run_view import nodes_drawn

_MOST_WAITING, _MOST_GOING, _MOST_FAILED = 20, 5, 3
_MOST_DRAWN = 60
"""Steps of a graph that is drawn here; the run's own page draws larger ones."""
_MOST_WORDS = 600
_BACK = 200
"""Runs that are looked through for the last one that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A version that waits for a decision, beside the champion's number, 0 for none."""

    model: str
    group: str
    version: int
    champion: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A run whose models wait for a word, since when; `older` says that a newer run's of the same models wait, too."""

    pipeline: str
    id: str
    since: datetime
    models: tuple[Waiting, ...]
    older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A run that goes on; `alone` says that no process on this machine runs it any more. `dag` is an SVG, empty where
    it were too large; `busy` are the steps that run now, since when, `counts` how many steps are in which state.
    """

    pipeline: str
    id: str
    status: str
    started: datetime
    date: str = ""
    trigger: str = ""
    alone: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    busy: tuple[tuple[str, datetime | None], ...] = ()
    failed: tuple[str, ...] = ()
    dag: str = field(default="", metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A step that failed, and the line that says it."""

    step: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The last run of a pipeline that failed, or that the gate blocked; `since` counts the ones that came through
    after it: 0 is a pipeline that is broken now.
    """

    pipeline: str
    id: str
    word: str
    when: datetime
    date: str
    reasons: tuple[str, ...]
    faults: tuple[Fault, ...]
    since: int


# --- what waits


def decisions_of(look: Look) -> tuple[tuple[Decision, ...], int]:
    """Return the runs whose models wait, the newest first, and how many more there are."""
    runs, total = look.index.runs(RunQuery(state="waiting"), limit=_MOST_WAITING)
    seen: set[str] = set()
    found = []
    for run, models in zip(runs, at_once(lambda run: _waiting(look, run), runs), strict=True):
        if models:  # the record may be older than a decision
            groups = {one.group for one in models}
            found.append(Decision(pipeline=run.pipeline, id=run.id, since=run.ended or run.started, models=models,
                                  older=groups <= seen))  # fmt: skip
            seen |= groups
    return tuple(found), max(0, total - _MOST_WAITING)


def _waiting(look: Look, run: RunSummary) -> tuple[Waiting, ...]:
    return tuple(
        Waiting(model=one.model, group=one.group, version=one.version, champion=one.champion_version)
        for one in run.models
        if one.waits and _still(look, one)
    )


def _still(look: Look, model: ModelSummary) -> bool:
    try:
        return look.target.registry.describe_package(model.arn).status is ApprovalStatus.PENDING
    except PipelineBuilderError:  # it was deleted, or can't be asked about: what is known stands
        return True


# --- what goes on


def going_on(look: Look) -> tuple[tuple[Going, ...], int]:
    """Return the runs that go on, the newest first, and how many more there are."""
    runs = look.index.going()
    return tuple(_going(look, run) for run in runs[:_MOST_GOING]), max(0, len(runs) - _MOST_GOING)


def _going(look: Look, run: RunSummary) -> Going:
    record = look.attempt(lambda: read_run(look, run.pipeline, run.id).record, None)
    steps: Sequence[StepRecord] = record.steps if record else ()
    return Going(
        pipeline=run.pipeline,
        id=run.id,
        status=run.status,
        started=run.started,
        date=run.date,
        trigger=run.trigger,
        alone=look.attempt(lambda: is_left(look, run.execution, run.started), False),
        counts=Counter("Cached" if step.cache_hit else step.status for step in steps),
        busy=tuple((one.name, one.started) for one in steps if one.status in ("Executing", "Starting", "Stopping")),
        failed=tuple(step.name for step in steps if step.status == "Failed"),
        dag=_drawn(look, run, steps) if 0 < len(steps) <= _MOST_DRAWN else "",
    )


def _drawn(look: Look, run: RunSummary, steps: Sequence[StepRecord]) -> str:
    def there(step: str) -> str:
        return look.url("step", pipeline=run.pipeline, id=run.id, step=step)

    return render_svg(nodes_drawn(steps, look.now()), link=there if there("x") else None)


# --- what failed


def failed_last(look: Look) -> tuple[Failed, ...]:
    """Return for each pipeline the last run that failed or was blocked: what is broken now first."""
    runs, _ = look.index.runs(RunQuery(), limit=_BACK)
    through: Counter[str] = Counter()
    found: dict[str, Failed] = {}
    for run in runs:
        if run.pipeline in found or run.goes_on:
            continue
        if word := _word(run):
            found[run.pipeline] = _failed(look, run, word, through[run.pipeline])
        elif run.status == "Succeeded":
            through[run.pipeline] += 1
    return tuple(sorted(found.values(), key=lambda one: (one.since > 0, -one.when.timestamp()))[:_MOST_FAILED])


def _word(run: RunSummary) -> str:
    """Return what became of a run that hasn't come through; empty for any other."""
    if run.status in ("Failed", "CompletedWithFailures"):
        return "failed"
    return "blocked" if run.passed is False and run.status == "Succeeded" else ""


def _failed(look: Look, run: RunSummary, word: str, since: int) -> Failed:
    key = ("failed", run.execution, run.status, run.ended)
    faults = look.attempt(lambda: look.known(key, None, lambda: _faults(look, run)), ())
    return Failed(
        pipeline=run.pipeline,
        id=run.id,
        word=word,
        when=run.ended or run.started,
        date=run.date,
        reasons=() if faults else tuple(reason[:_MOST_WORDS] for reason in run.reasons),
        faults=faults,
        since=since,
    )


def _faults(look: Look, run: RunSummary) -> tuple[Fault, ...]:
    """Return the steps that failed, as the record of the run has them."""
    record = read_kept(look.target, run.pipeline, run.id)
    steps = [step for step in record.steps if step.status == "Failed"] if record else []
    return tuple(Fault(step=step.name, why=reason_line(step.failure_reason)[:_MOST_WORDS]) for step in steps[:5])
