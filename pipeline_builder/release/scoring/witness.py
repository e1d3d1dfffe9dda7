"""The witness of scores: reads what a model's data was scored with, and what came of it, now and again at each use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.release.evidence import (
    PROPERTY,
    FileEvidence,
    ReportEvidence,
    ScoreBoundEvidence,
    ScoreEvidence,
)
from pipeline_builder.release.record import ScoreRecord
from pipeline_builder.release.reports import look_at, read_report, witness_container
from pipeline_builder.target import Target

if TYPE_CHECKING:
    from pipeline_builder.conf.scoring import ScoreGateSection


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedScore:
    """What a conf asks of one model's scores, and where the run has left them; `monitor` is empty without such a step.

    `predictions` is the prefix that they are below, `least_share` how many of the rows have to be predicted at least.
    """

    bounds: tuple[ScoreBoundEvidence, ...] = ()
    on_drift: tuple[str, ...] = ()
    on_violation: tuple[str, ...] = ()
    predictions: str = ""
    monitor: str = ""
    least_share: float = 1.0


def bounds_of(gates: Iterable[ScoreGateSection]) -> tuple[ScoreBoundEvidence, ...]:
    """Return the bounds of a conf as evidence has them."""
    return tuple(ScoreBoundEvidence(metric=g.metric, min=g.min, max=g.max, then=g.then) for g in gates)


def witness_scores(
    scores: Iterable[ScoreRecord], asked: Mapping[str, AskedScore], target: Target
) -> tuple[ScoreEvidence, ...]:
    """Return the evidence of each model's scores: everything is read now."""
    return tuple(witness_score(_known(score, asked.get(score.model, AskedScore())), target) for score in scores)


def _known(score: ScoreRecord, asked: AskedScore) -> ScoreEvidence:
    """Return what is known of scores before anything of them is read."""
    return ScoreEvidence(
        model=score.model,
        date=score.date,
        package=score.package_arn,
        group=score.group,
        version=score.package_version,
        rows_in=score.rows_in,
        rows_out=score.rows_out,
        least_share=asked.least_share,
        predictions=FileEvidence(uri=asked.predictions) if asked.predictions else None,
        monitor=ReportEvidence(uri=asked.monitor) if asked.monitor else None,
        bounds=asked.bounds,
        on_drift=asked.on_drift,
        on_violation=asked.on_violation,
    )


def witness_score(known: ScoreEvidence, target: Target) -> ScoreEvidence:
    """Return the evidence of scores as it is now; what confs and the run say of them is taken as `known`."""
    now: dict[str, object] = {}
    if known.package:
        package = target.registry.describe_package(known.package)
        now["evidence"] = package.metadata.get(PROPERTY, "")
        now["containers"] = tuple(witness_container(container, target) for container in package.containers)
    if known.predictions:
        now["predictions"] = look_at(known.predictions.uri, target)
    if known.monitor:
        now["monitor"] = read_report(known.monitor.uri, target)
    return known.model_copy(update=now)
