"""Summaries: a few facts of each run, for lists, plots and what is found by a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline_builder.descriptions import Execution
from pipeline_builder.release.metrics import flatten_metrics, short_name
from pipeline_builder.release.promote import may_be_approved
from pipeline_builder.release.record import PackageRecord, RunRecord, ScoreRecord

MOST_METRICS = 40
"""Numbers of a model that a summary has, the first ones."""
_MOST_REASONS, _MOST_WORDS = 5, 300
_MOST_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """A model that a run has registered, or has scored with; `status` is that of when its record was written last.

    `passed` is None where nobody has judged it, `waits` says that a person has to decide. `gated` are the metrics that
    have a bound.
    """

    model: str
    group: str
    version: int
    status: str
    passed: bool | None = None
    waits: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    champion_version: int = 0
    arn: str = ""
    gated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run; one that isn't `kept` has no record: it goes on, or is an older version's or somebody else's.

    `commits` are by repository, `passed` is None where it was not judged, `seconds` None while it goes on.
    """

    pipeline: str
    execution: str
    id: str
    status: str
    started: datetime
    ended: datetime | None = None
    kind: Literal["training", "inference"] = "training"
    date: str = ""
    trigger: str = ""
    commits: Mapping[str, str] = field(default_factory=dict)
    models: tuple[ModelSummary, ...] = ()
    passed: bool | None = None
    failed_steps: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    steps: int = 0
    cached: int = 0
    kept: bool = True

    @property
    def goes_on(self) -> bool:
        return self.status in ("Executing", "Stopping")

    @property
    def seconds(self) -> float | None:
        # Of two clocks, the one that ended it may be behind.
        return max(0.0, (self.ended - self.started).total_seconds()) if self.ended else None

    @property
    def states(self) -> frozenset[str]:
        """The words by which a run is found: its status, and `waiting`, `blocked`, `promoted` or `rejected`."""
        found = {self.status.casefold()}
        found |= {"waiting"} if any(model.waits for model in self.models) else set()
        found |= {"blocked"} if self.passed is False and self.status == "Succeeded" else set()
        found |= {"promoted"} if any(model.status == "Approved" for model in self.models) else set()
        found |= {"rejected"} if any(model.status == "Rejected" for model in self.models) else set()
        return frozenset(found)


def summarise(record: RunRecord) -> RunSummary:
    """Return the facts of a run out of its record."""
    verdict = record.verdict
    return RunSummary(
        pipeline=record.pipeline,
        execution=record.execution,
        id=record.execution.rsplit("/", 1)[-1],
        status=record.status,
        started=record.started,
        ended=record.ended,
        kind=record.kind,
        date=record.date,
        trigger=record.trigger[:_MOST_WORDS],
        commits={repo.name: repo.commit for repo in record.repos},
        models=(
            *(_model(record, package) for package in record.packages),
            *(_scored(score) for score in record.scores),
        ),
        passed=verdict.passed if verdict else None,
        failed_steps=tuple(step.name for step in record.steps if step.status == "Failed")[:_MOST_STEPS],
        reasons=_reasons(record),
        steps=len(record.steps),
        cached=sum(bool(step.cache_hit) for step in record.steps),
    )


def _reasons(record: RunRecord) -> tuple[str, ...]:
    """Return why a run didn't come through, the shortest way to say it."""
    said = () if record.verdict is None or record.verdict.passed else record.verdict.reasons
    failed = (record.failure_reason,) if record.failure_reason else ()
    return tuple(dict.fromkeys(text[:_MOST_WORDS] for text in (*said, *failed)))[:_MOST_REASONS]


def _model(record: RunRecord, package: PackageRecord) -> ModelSummary:
    verdict = package.verdict or record.verdict
    metrics = flatten_metrics(package.metrics)[:MOST_METRICS]
    return ModelSummary(
        model=package.model,
        group=package.group,
        version=package.version,
        status=package.status,
        passed=verdict.passed if verdict else None,
        waits=may_be_approved(record, package),
        metrics={metric.path: metric.value for metric in metrics},
        champion_version=package.champion_version,
        arn=package.arn,
        gated=tuple(dict.fromkeys(short_name(bound.metric) for bound in package.bounds))[:MOST_METRICS],
    )


def _scored(score: ScoreRecord) -> ModelSummary:
    """Return a model that has scored a day: what was used isn't made by the run, so it has no ARN of its own here."""
    rows = {} if score.rows_out is None else {"rows": float(score.rows_out)}
    return ModelSummary(
        model=score.model,
        group=score.group,
        version=score.package_version,
        status=score.status,
        passed=score.status in ("scored", "published"),
        metrics=rows,
    )


def summarise_execution(execution: Execution) -> RunSummary:
    """Return what a target tells of a run that no record was kept of."""
    return RunSummary(
        pipeline=execution.pipeline,
        execution=execution.arn,
        id=execution.id,
        status=execution.status.value,
        started=execution.started,
        ended=execution.ended,
        reasons=(execution.failure_reason[:_MOST_WORDS],) if execution.failure_reason else (),
        kept=False,
    )


def dump_summary(found: RunSummary) -> dict[str, Any]:
    """Return a summary as JSON, without what it has by default."""
    plain = {name: getattr(found, name) for name in _PLAIN if getattr(found, name)}
    times = {"started": found.started.isoformat()} | ({"ended": found.ended.isoformat()} if found.ended else {})
    passed = {} if found.passed is None else {"passed": found.passed}
    models = {"models": [_dump_model(model) for model in found.models]} if found.models else {}
    kept = {} if found.kept else {"kept": False}
    return {**plain, **times, **passed, **models, **kept}


_PLAIN = (
    "pipeline", "execution", "id", "status", "kind", "date", "trigger", "commits", "failed_steps", "reasons", "steps",
    "cached",
)  # fmt: skip


def _dump_model(model: ModelSummary) -> list[Any]:
    return [
        model.model, model.group, model.version, model.status, model.passed, model.waits, model.metrics,
        model.champion_version, model.arn, model.gated,
    ]  # fmt: skip


def load_summary(found: Mapping[str, Any]) -> RunSummary:
    """Return the summary that was written so.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    lists = {name: tuple(found[name]) for name in ("failed_steps", "reasons") if name in found}
    ended = datetime.fromisoformat(found["ended"]) if "ended" in found else None
    times = {"started": datetime.fromisoformat(found["started"]), "ended": ended}
    models = tuple(_load_model(one) for one in found.get("models", ()))
    return RunSummary(**{**found, **lists, **times, "models": models})


def _load_model(found: list[Any]) -> ModelSummary:
    model, group, version, status, passed, waits, metrics, champion, arn, gated = found
    return ModelSummary(
        model=model, group=group, version=version, status=status, passed=passed, waits=waits, metrics=metrics,
        champion_version=champion, arn=arn, gated=tuple(gated),
    )  # fmt: skip
