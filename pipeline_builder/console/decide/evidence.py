"""The page of one run's decision: each model with what speaks for it and against it, and the evidence in full."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pipeline_builder.console.decide.subject import Subject, approver, find_subject, names_of, open_questions
from pipeline_builder.console.decide.told import Told, find_told
from pipeline_builder.console.look import FRESH
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.release.answering import describe_given
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.four_eyes import against_approver
from pipeline_builder.release.metrics import Compared as Metric
from pipeline_builder.release.metrics import compare_metrics
from pipeline_builder.release.promote import is_decidable, stubbed
from pipeline_builder.release.proof import approval_of
from pipeline_builder.release.since_champion import Compared, compare_champion
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.release.wishes import Outcome, name_of, seen_of
from pipeline_builder.views.run_view import RunView, run_view

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.console.pages import Query
    from pipeline_builder.descriptions import OpenApproval
    from pipeline_builder.release.evidence import Evidence
    from pipeline_builder.release.record import PackageRecord, RunRecord

MOST_METRICS = 8
"""Numbers that stand beside a decision; the evidence below has all."""
MOST_QUESTIONS = 50
"""Models that are decided about on one page, those that wait first."""
_OPEN = (Standing.WAITING, Standing.UNSIGNED)
State = Literal["waits", "blocked", "approved", "unsigned", "rejected", "rolled back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A model that can be decided about: how it stands, what its gate says, and what is against who would decide.

    `seen` is what its form carries, so that an answer to another state than this is told from one to this.
    """

    arn: str
    model: str
    group: str
    version: int
    name: str
    state: State
    word: str
    passed: bool | None
    reasons: tuple[str, ...]
    metrics: tuple[Metric, ...]
    metrics_left: int
    champion_version: int
    made_of: Compared
    against: tuple[Problem, ...]
    seen: str
    outcome: Outcome | None = None

    @property
    def open(self) -> bool:
        """Whether nobody has decided about it."""
        return self.state in ("waits", "blocked", "unsigned")

    @property
    def may_approve(self) -> bool:
        return self.state != "blocked" and not self.against


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The service's question that waits for a word about this run."""

    pipeline: str
    execution: str
    since: datetime | None
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideView:
    """What the page shows; `shown` is the evidence's digest that its form carries, `goes_on` that it isn't over yet.

    `given` says how the service was answered just now, where its stage is still to come. `questions` are some of the
    run's `models`, after the `first` ones: those of a page.
    """

    title: str
    pipeline: str
    id: str
    goes_on: bool
    shown: str
    by: str
    four_eyes: bool
    questions: tuple[Question, ...]
    first: int
    models: int
    stubs: tuple[str, ...]
    asked: Asked | None
    given: str
    told: Told | None
    unread: Problem | None
    commands: tuple[str, ...]
    run: RunView = field(metadata={"json": False})

    @property
    def before(self) -> int:
        """How many models stand before those of the page before."""
        return max(self.first - MOST_QUESTIONS, 0)

    @property
    def waiting(self) -> tuple[Question, ...]:
        return tuple(question for question in self.questions if question.open)

    @property
    def decided(self) -> tuple[Question, ...]:
        return tuple(question for question in self.questions if not question.open)


def decide_view(look: Look, query: Query, pipeline: str, id: str) -> DecideView:  # noqa: A002 - as the address has it
    """Return what there is to decide about a run."""
    subject = find_subject(look.session, pipeline, id)
    record, told = subject.record, find_told(look, query.get("told"))
    outcomes = {outcome.wish.arn: outcome for outcome in (told.outcomes if told else ())}
    evidence, asked = _evidence(look, subject), _asked(look, record)
    first = min(query.number("from"), max(len(record.packages) - 1, 0)) // MOST_QUESTIONS * MOST_QUESTIONS
    chosen = sorted(record.packages, key=lambda one: standing(one) not in _OPEN)[first : first + MOST_QUESTIONS]
    return DecideView(
        title=f"Decide about {pipeline} {subject.execution.id}",
        pipeline=pipeline,
        id=subject.execution.id,
        goes_on=not subject.execution.status.ended,
        shown=approval_of(record),
        by=approver(look) if look.may_decide else "",
        four_eyes=bool(look.manifest and look.manifest.four_eyes),
        questions=tuple(_question(look, subject, one, evidence, outcomes.get(one.arn)) for one in chosen),
        first=first,
        models=len(record.packages),
        stubs=stubbed(record),
        asked=asked,
        given="" if asked else _given(look, record),
        told=told,
        unread=subject.unread,
        commands=tuple(_commands(record)),
        run=run_view(record, prices=look.prices),
    )


def _evidence(look: Look, subject: Subject) -> Evidence | None:
    digest = subject.record.evidence
    if not digest or subject.unread:
        return None
    try:
        return look.known(
            ("evidence", digest), None, lambda: load_evidence(subject.session.target, subject.record.pipeline, digest)
        )
    except PipelineBuilderError:
        return None


def _question(
    look: Look, subject: Subject, package: PackageRecord, evidence: Evidence | None, outcome: Outcome | None
) -> Question:
    record = subject.record
    verdict = package.verdict or record.verdict
    compared = compare_metrics(package.metrics, package.champion_metrics)
    own = evidence.package(package.arn) if evidence else None
    return Question(
        arn=package.arn,
        model=package.model,
        group=package.group,
        version=package.version,
        name=name_of(package),
        state=_state(record, package),
        word=package.approval_description,
        passed=verdict.passed if verdict else None,
        reasons=verdict.reasons if verdict else (),
        metrics=compared[:MOST_METRICS],
        metrics_left=max(len(compared) - MOST_METRICS, 0),
        champion_version=package.champion_version,
        made_of=compare_champion(evidence, own, subject.session.target) if evidence and own else Compared(),
        against=_against(look, subject, package),
        seen=seen_of(package),
        outcome=outcome,
    )


def _state(record: RunRecord, package: PackageRecord) -> State:
    if not is_decidable(record, package):
        return "blocked"
    match standing(package):
        case Standing.WAITING:
            return "waits"
        case Standing.APPROVED:
            return "approved"
        case Standing.UNSIGNED:
            return "unsigned"
        case Standing.REJECTED:
            return "rejected"
        case Standing.ROLLED_BACK:
            return "rolled back"


def _against(look: Look, subject: Subject, package: PackageRecord) -> tuple[Problem, ...]:
    """Return what is against an approval by who looks, where it has to be somebody else than the authors."""
    histories = subject.session.decisions.histories() if look.may_decide and look.manifest else None
    if histories is None:
        return ()
    return against_approver(subject.record, package, names_of(look), histories, look.target.registry)


def _asked(look: Look, record: RunRecord) -> Asked | None:
    """Return the service's question about the run; whether there is one may not be anybody's to know."""
    question = look.attempt(lambda: _find_asked(look, record), None)
    if question is None:
        return None
    same = question.approval == approval_of(record)
    return Asked(pipeline=question.pipeline, execution=question.execution, since=question.since, same=same)


def _find_asked(look: Look, record: RunRecord) -> OpenApproval | None:
    return next((one for one in open_questions(look) if one.run == record.execution), None)


def _given(look: Look, record: RunRecord) -> str:
    """Say how the service was answered about the run, where that isn't in the registry yet."""
    questions = look.session.questions if look.manifest else None
    if questions is None:
        return ""
    key = ("given", record.execution)
    given = look.attempt(lambda: look.known(key, FRESH, lambda: questions.find_given(record.execution)), None)
    return describe_given(*given) if given else ""


def _commands(record: RunRecord) -> Iterator[str]:
    """Yield what does the same on the command line."""
    target = " --target aws" if record.target == "aws" else ""
    run = shlex.quote(record.execution if target else record.execution.rsplit("/", 1)[-1])
    names = [shlex.quote(package.model) for package in record.packages]
    shown = " ".join(names) if len(names) <= 5 else "MODEL"
    yield f"pipeline-builder promote {shown} --run {run}{target} --comment WHY"
    yield f"pipeline-builder reject {shown} --run {run}{target} --comment WHY"
