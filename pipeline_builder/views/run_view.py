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
from pipeline_builder.views.commits import RepoView, repo_views
from pipeline_builder.views.days import Day, Timeline, timelines, with_this
from pipeline_builder.views.gantt import Bar, Gantt, gantt_of, state_of
from pipeline_builder.views.graphs.collapsing import Drawing, drawing_of
from pipeline_builder.views.headline import Headline, headline_of
from pipeline_builder.views.links import NO_LINKS, RunLinks
from pipeline_builder.views.model_view import MOST_DRAWN, ModelView, model_views
from pipeline_builder.views.scored import ScoreView, bounds_of, days_of, score_views
from pipeline_builder.views.trials import Tuned, tuned_of

_FEW_STEPS = 15
_FEW_REPOS = 6
"""So many are shown at once; more of them are folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with everything that is shown of it.

    `record` is as much of the run's as a page holds, `left` says what that leaves out. `failed` are the steps that
    failed, but for those with which a gate says that it blocks. `states` are how many steps came to what. `anchors` are
    the ids of the steps' rows; `missed` is why the step cache had nothing for a step.
    """

    record: RunRecord
    id: str
    headline: Headline
    seconds: float | None
    left: str
    models: tuple[ModelView, ...]
    failed: tuple[StepRecord, ...]
    states: tuple[tuple[str, int], ...]
    gantt: Gantt
    rows: Mapping[str, tuple[Bar, ...]]
    tuned: tuple[Tuned, ...]
    machines: tuple[MachineTime, ...]
    repos: tuple[RepoView, ...]
    scores: tuple[ScoreView, ...]
    days: tuple[Timeline, ...]
    dag: Drawing
    links: RunLinks
    missed: Mapping[str, str]
    anchors: Mapping[str, str]

    def bars_of(self, model: str) -> tuple[Bar, ...]:
        """Return the bars of a model's steps."""
        return self.rows.get(model, ())

    def address_of(self, view: ModelView) -> str:
        """Return where a model's version is looked at; of one that was never registered its group."""
        return self.links.version(view.group, view.version) if view.version else self.links.group(view.group)

    @property
    def first_models(self) -> tuple[ModelView, ...]:
        """The models of which all is drawn."""
        return self.models[:MOST_DRAWN]

    @property
    def more_models(self) -> tuple[ModelView, ...]:
        """Those that come after them."""
        return self.models[MOST_DRAWN:]

    @property
    def steps_open(self) -> bool:
        """Tell whether the table of the steps is short enough to be there at once."""
        return len(self.record.steps) <= _FEW_STEPS

    @property
    def repos_open(self) -> bool:
        """Tell whether the commits are few enough to be there at once."""
        return sum(1 + len(view.since) for view in self.repos) <= _FEW_REPOS


def run_view(
    record: RunRecord,
    *,
    days: Sequence[Day] = (),
    prices: Mapping[str, float] = MappingProxyType({}),
    links: RunLinks = NO_LINKS,
    missed: Mapping[str, str] = MappingProxyType({}),
    now: datetime | None = None,
) -> RunView:
    """Return what is shown of a run: `days` are what the ledger has, `prices` are USD of an hour by machine type.

    `missed` is why the step cache had nothing for a step, where the record doesn't say. What goes on ends `now`.
    """
    whole, record = record, bounded(record)
    failed = tuple(step for step in record.steps if step.status == "Failed")
    gantt = gantt_of(record.steps, record.started, now)
    anchors = {step.name: f"step-{index}" for index, step in enumerate(record.steps)}
    return RunView(
        record=record,
        id=record.execution.rsplit("/", 1)[-1],
        headline=headline_of(record, failed),
        seconds=_seconds(record.started, record.ended or now),
        left=left_out(whole, record),
        models=model_views(record),
        failed=tuple(step for step in failed if step.type != "Fail"),
        states=_states(record.steps),
        gantt=gantt,
        rows=_by_model(gantt.bars),
        tuned=tuple(tuned_of(step) for step in record.steps if step.trials),
        machines=machine_times(record.steps, prices),
        repos=repo_views(record.repos),
        scores=tuple(score_views(record)),
        days=_timelines(record, days),
        dag=drawing_of(
            nodes_drawn(record.steps, now),
            link=lambda name: links.step(name) or f"#{anchors[name]}",
            critical=gantt.path if 1 < len(gantt.path) < len(record.steps) else (),
        ),
        links=links,
        missed={**missed, **{step.name: step.missed for step in record.steps if step.missed}},
        anchors=anchors,
    )


def _by_model(bars: Sequence[Bar]) -> dict[str, tuple[Bar, ...]]:
    found: dict[str, list[Bar]] = {}
    for bar in bars:
        found.setdefault(bar.step.model, []).append(bar)
    return {model: tuple(own) for model, own in found.items()}


def _states(steps: Sequence[StepRecord]) -> tuple[tuple[str, int], ...]:
    """Return how many steps came to what, most first."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[state_of(step)] = counts.get(state_of(step), 0) + 1
    return tuple(sorted(counts.items(), key=lambda pair: -pair[1]))


def _timelines(record: RunRecord, days: Sequence[Day]) -> tuple[Timeline, ...]:
    """Return what the drawing of the days needs; only an inference run has days."""
    shown = with_this(days, days_of(record)) if record.kind == "inference" else []
    return tuple(timelines(shown, now=record.date, bounds=bounds_of(record)))


def nodes_drawn(steps: Sequence[StepRecord], now: datetime | None = None) -> list[Node]:
    """Return steps as they are drawn; one that goes on has taken until `now`."""
    return [
        Node(
            name=step.name,
            type=step.type,
            step_class=step.step_class,
            model=step.model,
            depends_on=step.depends_on,
            status=step.status,
            seconds=_seconds(step.started, step.ended or now),
            given="cached" if step.cache_hit else "stub" if step.stub else "",
        )
        for step in steps
    ]


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return (ended - started).total_seconds() if started and ended else None
