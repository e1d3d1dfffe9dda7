"""Answers to the question that a service asks about a run: in its own words, so that its stages decide just that.

Where a service waits for a word, a decision isn't written into the registry here: the service's stage does that, in the
name of who has answered. What the answer says is read back before it is given, by what that stage reads it with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline_builder.descriptions import Approval, ApprovalStatus, OpenApproval
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.release.answers import read_answer
from pipeline_builder.release.promote import Decision
from pipeline_builder.release.proof import approval_of
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.release.standing import Standing, standing

Given = tuple[OpenApproval, Approval]
"""A question, and how it was answered."""
MOST_SUMMARY = 512
"""Characters that CodePipeline takes with an answer."""


class Questions(Protocol):
    """The questions that a service's pipelines ask."""

    def list_open(self) -> tuple[OpenApproval, ...]:
        """Return what waits for an answer now."""
        ...

    def find_answer(self, question: OpenApproval) -> Approval | None:
        """Return the answer that a question has got meanwhile."""
        ...

    def find_given(self, run: str) -> Given | None:
        """Return the answer about a run (its ARN) that its service is about to write into the registry."""
        ...

    def answer(self, question: OpenApproval, *, approved: bool, summary: str) -> bool:
        """Answer, and tell whether that was in time."""
        ...

    def caller(self) -> str:
        """Return the ARN of who answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer as it was given: `summary` is what the service reads, `words` say what comes of it."""

    question: OpenApproval
    summary: str
    words: str


def find_question(record: RunRecord, questions: Questions) -> OpenApproval | None:
    """Return the question that waits for a word about this run; None where the service asks about none, or another."""
    return next((one for one in questions.list_open() if one.run == record.execution), None)


def check_question(record: RunRecord, question: OpenApproval) -> None:
    """Refuse to answer what is about other evidence than was looked at.

    Raises:
        PlanRefused: PB021.
    """
    if question.approval != approval_of(record):
        other = question.approval[:12] or "of none"
        message = (
            f"the service's pipeline '{question.pipeline}' asks about the evidence {other}, and the record of the run "
            f"names {approval_of(record)[:12]}"
        )
        hint = "the run was judged again since: look at what the question links to, and answer that"
        raise PlanRefused(Problem(id="PB021", message=message, hint=hint))


def answer_question(
    record: RunRecord, chosen: Sequence[PackageRecord], decision: Decision, question: OpenApproval, asked: Questions
) -> Answered:
    """Answer the service about these packages of the run; what isn't among them keeps waiting in the registry.

    Raises:
        PlanRefused: PB020 where somebody else was faster, PB021.
        InputProblems: PB022 where there is no way to say it.
    """
    check_question(record, question)
    approved = decision.status is ApprovalStatus.APPROVED
    summary = summarize(record, chosen, decision, f"{_verb(approved)} by {asked.caller()}")
    if not asked.answer(question, approved=approved, summary=summary):
        found = asked.find_answer(question)
        if found is None or found.approved is not approved or not _says(found.comment, summary):
            raise PlanRefused(_faster(question, found))
        words = f"it was answered so already, by {found.by}"
    else:
        words = f"the service's pipeline '{question.pipeline}' is answered, and writes it into the registry"
    return Answered(question=question, summary=summary, words=words)


def repeat_answer(
    record: RunRecord, chosen: Sequence[PackageRecord], decision: Decision, given: Given
) -> Answered | None:
    """Return what was answered about these packages already, and isn't written yet; None where that is nothing.

    Raises:
        PlanRefused: PB020 where it was answered otherwise, or about some of them.
    """
    question, answer = given
    approved = decision.status is ApprovalStatus.APPROVED
    about = [package for package in chosen if package.arn in _about(record, answer)]
    if not about:
        return None
    if answer.approved is approved and len(about) == len(chosen):
        words = f"it was answered so already, by {answer.by}: the service's stage writes it into the registry"
        return Answered(question=question, summary=answer.comment, words=words)
    message = f"{_names(record, about)[:200]}: {describe_given(question, answer)}"
    hint = "nothing was decided: wait until it has, or decide about the others alone"
    raise PlanRefused(Problem(id="PB020", message=message, hint=hint))


def describe_given(question: OpenApproval, answer: Approval) -> str:
    """Say how a question was answered that isn't carried out yet."""
    comment = f": {inert_line(answer.comment)}" if answer.comment else ""
    return (
        f"the service's pipeline '{question.pipeline}' was answered, {_verb(answer.approved).lower()} by {answer.by}"
        f"{comment}, and hasn't written that into the registry yet"
    )


def _about(record: RunRecord, answer: Approval) -> set[str]:
    """Return the packages (ARNs) that an answer decides about; none where its stage can't read it."""
    status = ApprovalStatus.APPROVED if answer.approved else ApprovalStatus.REJECTED
    return _meant(answer.comment, record, status)


def _says(comment: str, summary: str) -> bool:
    """Tell whether that is the answer; of one without a comment CodePipeline has none either."""
    return comment == summary or (not comment and " by arn:" in summary)


def summarize(record: RunRecord, chosen: Sequence[PackageRecord], decision: Decision, without: str) -> str:
    """Return the comment of an answer by which the service's stage decides about exactly these packages.

    A limit stands before it where it has to; `without` is what an answer without a comment says, as CodePipeline's own
    page does.

    Raises:
        InputProblems: PB022 where it doesn't fit, or can't be said.
    """
    arns = {package.arn for package in chosen}
    comment = " ".join(decision.comment.split())
    for text in _summaries(record, arns, comment or without, limited=comment):
        if len(text) <= MOST_SUMMARY and _meant(text, record, decision.status) == arns:
            return text
    short = [
        text for text in _summaries(record, arns, "x", limited="x") if _meant(text, record, decision.status) == arns
    ]
    room = max((MOST_SUMMARY - len(text) + 1 for text in short), default=0)
    message = f"CodePipeline takes {MOST_SUMMARY} characters with an answer, which this would not fit into"
    fits = f"a comment of at most {room} characters fits"
    hint = fits if room > 0 else "answer for all models, or decide in the registry"
    raise InputProblems(Problem(id="PB022", message=message, hint=f"{hint}; nothing was answered"))


def _summaries(record: RunRecord, arns: set[str], comment: str, *, limited: str) -> Iterator[str]:
    yield comment
    reason = f": {limited}" if limited else ""
    yield f"only {_names(record, [p for p in record.packages if p.arn in arns])}{reason}"
    others = [package for package in record.packages if package.arn not in arns]
    if others:
        yield f"not {_names(record, others)}{reason}"


def _names(record: RunRecord, packages: Sequence[PackageRecord]) -> str:
    models = [package.model for package in record.packages]
    return " ".join(
        package.model if models.count(package.model) == 1 else f"{package.group}/{package.version}"
        for package in packages
    )


def _meant(summary: str, record: RunRecord, status: ApprovalStatus) -> set[str]:
    """Return the packages (ARNs) that the service's stages would decide about by this answer."""
    try:
        read = read_answer(summary, record)
    except InputProblems:
        return set()
    if read.named:
        return set(read.arns)
    return {package.arn for package in record.packages if package.arn in read.arns and _waits(package, status)}


def _waits(package: PackageRecord, status: ApprovalStatus) -> bool:
    """Tell whether an answer that doesn't name a package is about it: what the gate blocks is only rejected."""
    if standing(package) is not Standing.WAITING:
        return False
    return status is ApprovalStatus.REJECTED or package.verdict is None or package.verdict.passed


def _verb(approved: bool) -> str:
    return "Approved" if approved else "Rejected"


def _faster(question: OpenApproval, found: Approval | None) -> Problem:
    name = f"the question of the service's pipeline '{question.pipeline}'"
    if found is None:
        message = f"{name} isn't open any more, and nobody has answered it: its time ran out, or it is asked anew"
        return Problem(id="PB020", message=message, hint="look at the run again: nothing was decided")
    comment = f": {inert_line(found.comment)}" if found.comment else ""
    message = f"{name} was {_verb(found.approved).lower()} meanwhile by {found.by}{comment}"
    return Problem(id="PB020", message=message, hint="nothing of it was overwritten; what still waits can be decided")
