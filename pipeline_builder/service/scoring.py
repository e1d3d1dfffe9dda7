"""The stages of an inference pipeline: Score runs and judges it, Publish puts in place what is whole and has passed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_builder.release.scoring.ledger import read_day
from pipeline_builder.release.scoring.readiness import is_early, lacking_words
from pipeline_builder.service.cloudformation.access.waiting import NO_EXECUTION
from pipeline_builder.service.stage import Staged, publish
from pipeline_builder.views.lines import gate_line

if TYPE_CHECKING:
    from pipeline_builder.errors import InputProblems
    from pipeline_builder.release.record import RunRecord, ScoreRecord
    from pipeline_builder.service.setting import Setting
    from pipeline_builder.session import Session

PASS, NOTHING = "pass", "nothing"


def staged_scores(session: Session, setting: Setting, record: RunRecord) -> Staged:
    """Return what Score hands on: `pass` where there is something to publish, `nothing` where all of it is already.

    A model that failed or is blocked keeps no other from being published; where all are, it is noted here, as nothing
    comes after this.
    """
    if not publishable(record):
        record = session.publish(record)
    staged = publish(session, setting, record)
    waiting = [score for score in publishable(record) if not _is_published(score, record, session)]
    word = PASS if waiting else NOTHING if publishable(record) else staged.exports["VERDICT"]
    return Staged(exports={**_exports(staged, record, setting), "VERDICT": word}, record=record)


def staged_early(session: Session, setting: Setting, error: InputProblems) -> Staged:
    """Return what Score hands on where a model only has to be approved first, or a day's data to come.

    Raises:
        InputProblems: the error, where something is wrong.
    """
    if not is_early(error.problems):
        raise error
    for problem in error.problems:
        session.warn(replace(problem, warning=True))
    definition = session.composed.definition
    words = f"{definition.pipeline}: nothing to score yet: {lacking_words(error.problems)}; started by {setting.words}"
    date = session.starting.logical_date
    exports = {"EXECUTION_ARN": NO_EXECUTION, "VERDICT": NOTHING, "SUMMARY": words, "LOGICAL_DATE": date}
    return Staged(exports=exports)


def _exports(staged: Staged, record: RunRecord, setting: Setting) -> dict[str, str]:
    """Return what is handed on of a run of which nobody has to approve anything."""
    words = f"{record.pipeline}: {gate_line(record)}; started by {setting.words}"
    kept = {name: value for name, value in staged.exports.items() if name != "APPROVAL"}
    return {**kept, "SUMMARY": words, "LOGICAL_DATE": record.date}


def publishable(record: RunRecord) -> tuple[ScoreRecord, ...]:
    """Return the scores that have passed."""
    return tuple(score for score in record.scores if score.status in ("scored", "published"))


def _is_published(score: ScoreRecord, record: RunRecord, session: Session) -> bool:
    day = read_day(session.target, record.pipeline, score.model, score.date)
    if day is None or day.execution != record.execution:
        return False
    if day.status == "scored":  # of a conf that publishes nothing
        return True
    there = day.publication is not None and session.target.store.read(day.publication.pointer) is not None
    return day.status == "published" and there


def run_publish(session: Session, setting: Setting) -> Staged:
    """Publish what Score has judged, which its record says; the logical date is that record's.

    Raises:
        InputProblems: PB440 where there is no record of a run.
        PlanRefused: PB461 to PB463 where what was judged isn't what is there, PB895, PB896.
    """
    record = session.publish(session.runs.record(handed_on=True))
    staged = publish(session, setting, record)
    return Staged(exports=_exports(staged, record, setting), record=record)
