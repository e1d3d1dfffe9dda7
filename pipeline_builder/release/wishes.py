"""Wishes: what a person asks for about the models of a run, and what came of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline_builder.errors import PipelineBuilderError, PlanRefused, Problem
from pipeline_builder.release.promote import Decided, Decision
from pipeline_builder.release.proof import approval_of
from pipeline_builder.release.record import PackageRecord, RunRecord

State = Literal["done", "same", "answered", "refused", "left"]
Word = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for about a package (its ARN). `again` takes back how it was decided, which was `seen` as it was.

    `seen` is what `seen_of` has given when the person looked.
    """

    arn: str
    word: Word
    comment: str = ""
    again: bool = False
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a wish: it is done, was so before, is the service's to do, is refused, or was left as it is.

    `wish` is as it was given, so that it can be given again.
    """

    wish: Wish
    name: str
    state: State
    words: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A run's record as the wishes have left it, and what came of each."""

    record: RunRecord
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def wrote(self) -> bool:
        return any(outcome.state == "done" for outcome in self.outcomes)


class Decider(Protocol):
    """Decides about packages (ARNs) of a run."""

    def __call__(self, record: RunRecord, decision: Decision, models: Sequence[str], /) -> Decided: ...


DecisionOf = Callable[[Wish], Decision]


def name_of(package: PackageRecord) -> str:
    """Return what people call a package."""
    return f"{package.group} version {package.version}"


def seen_of(package: PackageRecord) -> str:
    """Return what changes when somebody decides about a package."""
    said = "\0".join((package.arn, package.status, package.approval_description))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def check_seen(record: RunRecord, seen: str) -> None:
    """Refuse wishes that were made with other evidence at hand than the run has now.

    Raises:
        PlanRefused: PB463.
    """
    now = approval_of(record)
    if seen != now:
        message = (
            f"the page was made with the evidence {seen[:12] or 'of none'}, and the run is judged by {now[:12]} now: "
            "it was judged again since"
        )
        hint = "nothing was decided: load the page again, and look at the evidence again"
        raise PlanRefused(Problem(id="PB463", message=message, hint=hint))


def find_missing(record: RunRecord, wishes: Sequence[Wish]) -> Iterator[tuple[Wish, Problem]]:
    """Yield each wish that can't be meant so, and why."""
    packages = {package.arn: package for package in record.packages}
    for wish in wishes:
        if words := _missing(wish, packages.get(wish.arn)):
            package = packages.get(wish.arn)
            name = f"{name_of(package)}: " if package else ""
            yield wish, Problem(id="PB024", message=f"{name}{words}", hint="nothing was decided")


def _missing(wish: Wish, package: PackageRecord | None) -> str:
    if package is None:
        return f"the run has registered no package '{wish.arn}'"
    if wish.word == "reject" and not wish.comment.strip():
        return "a rejection needs a reason"
    if wish.again and not wish.comment.strip():
        return "who takes back how a model was decided says why"
    if wish.again and wish.seen != seen_of(package):
        return f"it was decided about since the page was made: {package.approval_description or package.status}"
    return ""


def take(record: RunRecord, wishes: Sequence[Wish], decide: Decider, decision_of: DecisionOf) -> Taken:
    """Decide about each package that is wished for; where a wish can't be meant so, nothing is decided."""
    if missing := dict(find_missing(record, wishes)):
        return Taken(record=record, outcomes=tuple(left_by(record, wishes, missing)))
    outcomes = []
    for wish in wishes:
        package = next(one for one in record.packages if one.arn == wish.arn)
        record, outcome = _taken(record, package, wish, decide, decision_of)
        outcomes.append(outcome)
    return Taken(record=record, outcomes=tuple(outcomes))


def left_by(record: RunRecord, wishes: Sequence[Wish], refused: dict[Wish, Problem]) -> Iterator[Outcome]:
    """Yield what comes of wishes of which some are refused before anything is decided."""
    names = {package.arn: name_of(package) for package in record.packages}
    for wish in wishes:
        problem = refused.get(wish)
        words = problem.message if problem else "nothing was decided, as another model's decision lacks something"
        yield Outcome(
            wish=wish,
            name=names.get(wish.arn, wish.arn),
            state="refused" if problem else "left",
            words=words,
            problems=(problem,) if problem else (),
        )


def _taken(
    record: RunRecord, package: PackageRecord, wish: Wish, decide: Decider, decision_of: DecisionOf
) -> tuple[RunRecord, Outcome]:
    try:
        decided = decide(record, decision_of(wish), [package.arn])
        if decided.failure:
            raise decided.failure
    except PipelineBuilderError as error:
        return record, refused_outcome(wish, package, error)
    now = next((one for one in decided.record.packages if one.arn == package.arn), package)
    state: State = "same" if decided.words else "done"
    words = decided.words[0] if decided.words else now.approval_description
    return decided.record, Outcome(wish=wish, name=name_of(package), state=state, words=words)


def refused_outcome(wish: Wish, package: PackageRecord, error: PipelineBuilderError) -> Outcome:
    """Return that a wish wasn't fulfilled, and why."""
    words = "; ".join(problem.message for problem in error.problems)
    return Outcome(wish=wish, name=name_of(package), state="refused", words=words, problems=error.problems)
