"""The loop that closes: what a judged run asks of the training pipeline, and what one of that has answered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from pipeline_builder.release.scoring.retraining import Announcer, Asked, answer_requests, ask_retraining

if TYPE_CHECKING:
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.target import Target


def close_loop(
    record: RunRecord,
    target: Target,
    *,
    say: Callable[[str], None],
    announce: Announcer | None = None,
    unchanged: Collection[str] = (),
) -> RunRecord:
    """Return the record of a judged run with what it has asked for or answered, which is noted where others read it.

    `announce` tells the service, where there is one; `unchanged` are the groups whose models were left out of a run
    because nothing that they are made of has changed.
    """
    if record.kind == "training":
        answered, lines = answer_requests(record, target, unchanged=unchanged)
        for line in lines:
            say(line)
        return answered
    asked = ask_retraining(record, target, announce=announce)
    for one in asked:
        say(one.words)
        if one.new:
            say(_next_step(one, announced=announce is not None))
    words = {one.model: one.words for one in asked}
    scores = tuple(
        score.model_copy(update={"retraining": words[score.model]}) if score.model in words else score
        for score in record.scores
    )
    return record.model_copy(update={"scores": scores})


def _next_step(asked: Asked, *, announced: bool) -> str:
    if announced:
        return "the service starts its training pipeline"
    pipeline = asked.request.pipeline if asked.request else ""
    return (
        f"run 'pipeline-builder up' for the pipeline '{pipeline}' (--pipeline names it by its handle); where a "
        "'pipeline-builder watch' runs, it does that"
    )
