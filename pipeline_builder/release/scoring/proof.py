"""The proof of scores: what they were judged by is read again before they are published, and judged again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.release.differences import describe_containers, describe_file, describe_run
from pipeline_builder.release.evidence import Evidence, ScoreEvidence
from pipeline_builder.release.proof import check_record, run_now
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.reports import describe_changed
from pipeline_builder.release.scoring.witness import witness_score
from pipeline_builder.target import Target


def prove_scores(record: RunRecord, target: Target, models: Sequence[str] = ()) -> RunRecord:
    """Return the record with its scores judged again, of these models or of all, by evidence that holds still.

    Raises:
        PlanRefused: PB461 for each thing that has moved, PB462 without evidence or where it is gone, PB463 where the
            record says otherwise.
    """
    found = check_record(record, target)
    if found is None:
        message = f"the execution '{record.execution}' was never judged: nothing says what its predictions are"
        hint = "'pipeline-builder run' judges it, and runs nothing where nothing changed"
        raise PlanRefused(Problem(id="PB462", message=message, hint=hint))
    evidence, proven = found
    if problems := tuple(_moved(evidence, models, target)):
        raise PlanRefused(*problems)
    return proven


def _moved(evidence: Evidence, models: Sequence[str], target: Target) -> Iterator[Problem]:
    dates = " ".join(sorted({f"--date {score.date}" for score in evidence.scores})[:1])
    again = f"'run --resume {evidence.execution.rsplit('/', 1)[-1]}' judges it again, by what holds now"
    hint = f"{again}; what is gone is made anew by 'up {dates}'"
    said = [*describe_run(evidence, run_now(evidence, evidence.code, target))]
    for score in evidence.scores:
        if not models or score.model in models:
            said += (f"{score.model}: {words}" for words in _differences(score, witness_score(score, target)))
    for words in said:
        yield Problem(id="PB461", message=words, hint=hint)


def _differences(before: ScoreEvidence, after: ScoreEvidence) -> Iterator[str]:
    name = f"{before.group} version {before.version}"
    yield from (f"{name}: {words}" for words in describe_containers(before.containers, after.containers))
    if before.predictions and after.predictions:
        yield from describe_file("what was predicted", before.predictions, after.predictions)
    if before.monitor and after.monitor and (words := describe_changed(before.monitor, after.monitor)):
        yield words
