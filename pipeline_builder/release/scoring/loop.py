"""The loop that closes: what a judged run asks of the training pipeline, and what one of that has answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.scoring.retraining import Announcer, Asked, announce_open, answer_requests, ask_retraining

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
    handles: Callable[[], Mapping[str, str]] = dict,
) -> RunRecord:
    """Return the record of a judged run with what it has asked for or answered, which is noted where others read it.

    `announce` tells the service, where there is one; `unchanged` are the groups whose models were left out of a run
    because nothing that they are made of has changed; `handles` has the name of each pipeline by its handle.
    """
    try:
        if record.kind == "training":
            answered, lines = answer_requests(record, target, unchanged=unchanged)
            for line in lines:
                say(line)
            return answered
        return _asking(record, target, say, announce, handles)
    except PipelineBuilderError as error:  # what a run has made is worth as much without it; the next one does it
        for problem in error.problems:
            say(f"requests for retraining: {problem.id} {problem.message}")
        return record


def _asking(
    record: RunRecord,
    target: Target,
    say: Callable[[str], None],
    announce: Announcer | None,
    handles: Callable[[], Mapping[str, str]],
) -> RunRecord:
    asked = ask_retraining(record, target)
    for one in asked:
        say(f"{one.words}: {one.cause}" if one.cause else one.words)
        if one.new:
            say(_next_step(one, handles(), announced=announce is not None))
    if announce:
        _announce(record, target, say, announce)
    words = {one.model: one.words for one in asked}
    scores = tuple(
        score.model_copy(update={"retraining": words[score.model]}) if score.model in words else score
        for score in record.scores
    )
    return record.model_copy(update={"scores": scores})


def _announce(record: RunRecord, target: Target, say: Callable[[str], None], announce: Announcer) -> None:
    """Tell the service; where that fails the request stays untold, and the next run tells it."""
    try:
        announce_open(record, target, announce)
    except PipelineBuilderError as error:
        for problem in error.problems:
            say(f"the service couldn't be told: {problem.id} {problem.message}; the next run tells it")


def _next_step(asked: Asked, handles: Mapping[str, str], *, announced: bool) -> str:
    name = asked.request.pipeline if asked.request else ""
    handle = next((handle for handle, pipeline in handles.items() if pipeline == name), "")
    if not handle:
        return f"run the pipeline '{name}', which is none of this manifest"
    if announced:
        return "the service starts its training pipeline"
    return f"run 'pipeline-builder up --pipeline {handle}'; where a 'pipeline-builder watch' runs, it does that"
