"""What a decision's form does: the same as the commands, model by model, in a session of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipeline_builder.console.decide.form import Form, read_form
from pipeline_builder.console.decide.subject import approver, find_run
from pipeline_builder.console.decide.told import keep_told
from pipeline_builder.console.pages import Done
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.release.choosing import pick
from pipeline_builder.release.promote import Decided
from pipeline_builder.release.wishes import (
    Decider,
    Outcome,
    Taken,
    Wish,
    check_seen,
    find_missing,
    left_by,
    name_of,
    refused_outcome,
    take,
)

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.descriptions import OpenApproval
    from pipeline_builder.release.promote import Decision
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.session import Session

ONE = threading.Lock()
"""One decision at a time writes the record of a run and its report."""


def decide_act(look: Look, form: Mapping[str, str], pipeline: str, id: str) -> Done:  # noqa: A002 - as the address has it
    """Decide as a form says, and send the browser on to what came of it.

    Raises:
        PlanRefused: PB463 where the run was judged again since the page was made.
        InputProblems: PB024, PB441.
    """
    given = read_form(form)
    with ONE:
        said: list[str] = []
        session = fresh_session(look, said).owner(pipeline)
        execution = find_run(session, pipeline, id)
        record = session.decisions.judged(execution)
        check_seen(record, given.evidence)
        taken = _take(look, session, record, given)
        if taken.wrote:
            session.report(taken.record)
    known = {outcome.words for outcome in taken.outcomes}
    notes = [note for note in _notes(said) if note not in known]
    told = keep_told(look, taken.outcomes, (*taken.notes, *notes))
    page = f"from={given.first}&" if given.first else ""
    return Done(to=f"/decide/{pipeline}/{execution.id}?{page}told={told}")


def fresh_session(look: Look, said: list[str]) -> Session:
    """Return a session that writes: what it reads is read now, and what it says is for this answer alone."""
    from pipeline_builder.session import Session

    def warn(problem: Problem) -> None:
        said.append(f"          {problem.id} {problem.message}")

    return Session(look.session.workspace, say=said.append, warn=warn, manifest=look.manifest)


def _notes(said: list[str]) -> Iterator[str]:
    """Yield what was said besides how long each stage took: notes are indented."""
    for line in dict.fromkeys(said):
        if line.startswith("          "):
            yield line.strip()


def _take(look: Look, session: Session, record: RunRecord, given: Form) -> Taken:
    decision_of = partial(_decision, session, approver(look), stubs=given.stubs)
    asked = session.find_question(record)
    if asked is None:
        return take(record, given.wishes, _decider(session, record), decision_of)
    if missing := dict(find_missing(record, given.wishes)):
        return Taken(record=record, outcomes=tuple(left_by(record, given.wishes, missing)))
    return _answer(session, record, given, asked, approver(look))


def _decider(session: Session, record: RunRecord) -> Decider:
    """Return what writes the registry, but for what the service was answered already and is about to write itself."""
    given = session.find_given(record)

    def decide(record: RunRecord, decision: Decision, models: Sequence[str]) -> Decided:
        answered = session.decisions.repeat(record, decision, models, given) if given else None
        return Decided(record=record, words=(answered.words,)) if answered else session.decide(record, decision, models)

    return decide


def _decision(session: Session, by: str, wish: Wish, *, stubs: bool) -> Decision:
    return session.make_decision(wish.word, wish.comment, by=by, again=wish.again, stubs=stubs)


def _answer(session: Session, record: RunRecord, given: Form, asked: OpenApproval, by: str) -> Taken:
    """Answer the service for what waits, with one word; what that word can't say goes into the registry before."""
    decision_of = partial(_decision, session, by, stubs=given.stubs)
    word = "approve" if any(wish.word == "approve" and not wish.again for wish in given.wishes) else "reject"
    first = [wish for wish in given.wishes if wish.again or wish.word != word]
    answered = [wish for wish in given.wishes if wish not in first]
    taken = take(record, first, partial(session.decide), decision_of) if first else Taken(record=record, outcomes=())
    outcomes = _answered(session, taken.record, answered, word, by) if answered else ()
    note = f"the service's pipeline '{asked.pipeline}' asks once: what it wasn't answered for keeps waiting here"
    some = len(answered) < len(record.packages)
    return Taken(record=taken.record, outcomes=(*taken.outcomes, *outcomes), notes=(note,) if answered and some else ())


def _answered(session: Session, record: RunRecord, wishes: list[Wish], word: str, by: str) -> tuple[Outcome, ...]:
    packages = {package.arn: package for package in pick(record, [wish.arn for wish in wishes])}
    comment = _comment({packages[wish.arn].model: wish.comment for wish in wishes})
    decision = session.make_decision(word, comment, by=by)
    try:
        answered = session.answer(record, decision, list(packages))
    except PipelineBuilderError as error:
        return tuple(refused_outcome(wish, packages[wish.arn], error) for wish in wishes)
    if answered is None:
        message = "the service's question isn't open any more: look at the run again"
        gone = InputProblems(Problem(id="PB020", message=message, hint="nothing was decided"))
        return tuple(refused_outcome(wish, packages[wish.arn], gone) for wish in wishes)
    return tuple(
        Outcome(wish=wish, name=name_of(packages[wish.arn]), state="answered", words=answered.words) for wish in wishes
    )


def _comment(comments: Mapping[str, str]) -> str:
    """Return one comment for several models."""
    given = {model: words for model, words in comments.items() if words}
    if len({*given.values()}) == 1 and len(given) == len(comments):
        return next(iter(given.values()))
    return "; ".join(f"{model}: {words}" for model, words in given.items())
