"""Recalling: the record of an inference run as it was judged, without what it has left, which may be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_builder.release.archive import find_newest, load_evidence
from pipeline_builder.release.judging import judge_evidence
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.overview import nodes_of
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.release.run import find_open, find_unchanged
from pipeline_builder.release.scoring.before import as_published, find_scored
from pipeline_builder.release.scoring.collecting import package_facts
from pipeline_builder.release.scoring.ledger import read_day

if TYPE_CHECKING:
    from pipeline_builder.descriptions import DeployedPipeline
    from pipeline_builder.release.starting import Starting
    from pipeline_builder.target import Target


def recall_scores(record: RunRecord, target: Target) -> RunRecord | None:
    """Return the record of an inference run with its scores as they were judged last; None where they never were."""
    digest = find_newest(target, record.pipeline, record.execution)
    evidence = load_evidence(target, record.pipeline, digest) if digest else None
    if evidence is None or not evidence.scores:
        return None
    known = (ScoreRecord(model=score.model, date=score.date, package_arn=score.package) for score in evidence.scores)
    scores = tuple(score.model_copy(update=package_facts(score.package_arn, target)) for score in known)
    changes = {"kind": "inference", "date": evidence.scores[0].date, "scores": scores, "evidence": digest}
    return judge_evidence(evidence, record.model_copy(update=changes))


def recall_published(record: RunRecord, target: Target) -> RunRecord | None:
    """Return the record of an inference run as it was judged, and with what it has published; None where it never was
    judged.
    """
    recalled = recall_scores(record, target)
    if recalled is None:
        return None
    scores = tuple(_as_noted(score, record, target) for score in recalled.scores)
    return recalled.model_copy(update={"scores": scores})


def _as_noted(score: ScoreRecord, record: RunRecord, target: Target) -> ScoreRecord:
    """Return a score with what the ledger says of its publication, where that is still this execution's."""
    day = read_day(target, record.pipeline, score.model, score.date)
    if day is None or day.execution != record.execution or day.status != "published" or day.publication is None:
        return score
    return as_published(score, day.publication)


def recall_scored(starting: Starting, pipeline: DeployedPipeline, target: Target) -> RunRecord | None:
    """Return the record of the run that has scored a date as another would now; None where that is still found by its
    own fingerprint, or there is something to do.
    """
    parameters, service = starting.parameters, target.pipelines
    days = find_scored(starting, pipeline)
    if not days or len({day.execution for day in days}) > 1:
        return None
    for find in (find_unchanged, find_open):
        if find(service, pipeline.name, pipeline.definition, parameters):
            return None
    execution = service.describe_execution(days[0].execution)
    if execution is None:
        return None
    record = collect(execution, target, nodes=nodes_of(starting.composed), lock=starting.lock, reused=True)
    return recall_scores(record, target)
