"""A run as it is looked at: all that the partials of `templates/run/` show, worked out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from pipeline_builder.dag.outline import Node
from pipeline_builder.release.machines import MachineTime, machine_times
from pipeline_builder.release.record import RunRecord, StepRecord
from pipeline_builder.views.bounds import bounded, left_out
from pipeline_builder.views.days import Day, Timeline, timelines, with_this
from pipeline_builder.views.graphs.picture import render_svg
from pipeline_builder.views.headline import Headline, headline_of
from pipeline_builder.views.model_view import ModelView, model_view
from pipeline_builder.views.scored import ScoreView, bounds_of, days_of, score_views
from pipeline_builder.views.trials import Tuned, tuned_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step in the timeline: where its bar begins and how long it is, in percent of the whole run."""

    step: StepRecord
    offset: float
    length: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with everything that is shown of it.

    `record` is as much of the run's as a page holds, `left` says what that leaves out. `dag` is an SVG.
    """

    record: RunRecord
    id: str
    headline: Headline
    seconds: float | None
    left: str
    models: tuple[ModelView, ...]
    failed: tuple[StepRecord, ...]
    bars: tuple[Bar, ...]
    tuned: tuple[Tuned, ...]
    machines: tuple[MachineTime, ...]
    scores: tuple[ScoreView, ...]
    days: tuple[Timeline, ...]
    dag: str


def run_view(
    record: RunRecord, *, days: Sequence[Day] = (), prices: Mapping[str, float] = MappingProxyType({})
) -> RunView:
    """Return what is shown of a run: `days` are what the ledger has; `prices` are USD of an hour, by machine type."""
    whole, record = record, bounded(record)
    failed = tuple(step for step in record.steps if step.status == "Failed")
    return RunView(
        record=record,
        id=record.execution.rsplit("/", 1)[-1],
        headline=headline_of(record, failed),
        seconds=_seconds(record.started, record.ended),
        left=left_out(whole, record),
        models=tuple(map(model_view, record.packages)),
        failed=failed,
        bars=tuple(_bars(record)),
        tuned=tuple(tuned_of(step) for step in record.steps if step.trials),
        machines=machine_times(record.steps, prices),
        scores=tuple(score_views(record)),
        days=_timelines(record, days),
        dag=render_svg(nodes_drawn(record.steps)),
    )


def _timelines(record: RunRecord, days: Sequence[Day]) -> tuple[Timeline, ...]:
    """Return what the drawing of the days needs; only an inference run has days."""
    shown = with_this(days, days_of(record)) if record.kind == "inference" else []
    return tuple(timelines(shown, now=record.date, bounds=bounds_of(record)))


def _bars(record: RunRecord) -> list[Bar]:
    started = [step.started for step in record.steps if step.started]
    ended = [step.ended for step in record.steps if step.ended]
    begin = min(started, default=record.started)
    whole = max(((max(ended, default=begin)) - begin).total_seconds(), 0.001)
    bars = []
    for step in record.steps:
        seconds = _seconds(step.started, step.ended)
        offset = (step.started - begin).total_seconds() / whole * 100 if step.started else 0.0
        length = (seconds or 0.0) / whole * 100
        bars.append(
            Bar(step=step, offset=min(offset, 99.5), length=max(min(length, 100 - offset), 0.5), seconds=seconds)
        )
    return bars


def nodes_drawn(steps: Sequence[StepRecord]) -> list[Node]:
    """Return steps as they are drawn."""
    return [
        Node(
            name=step.name,
            type=step.type,
            step_class=step.step_class,
            model=step.model,
            depends_on=step.depends_on,
            status=step.status,
            seconds=_seconds(step.started, step.ended),
            given="cached" if step.cache_hit else "stub" if step.stub else "",
        )
        for step in steps
    ]


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return (ended - started).total_seconds() if started and ended else None
