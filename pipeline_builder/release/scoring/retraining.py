"""Retraining: scores that ask for it start the training pipeline, once for each champion and cause, with the cause.

A request is open until a run of the training pipeline has answered it, whatever started that; then it waits for the
decision about the candidate. The next champion has causes of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.inert import inert_line
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import PIPELINE
from pipeline_builder.release.promote import is_decidable
from pipeline_builder.release.scoring.judging import RETRAIN, ScoreVerdict, judge_scores
from pipeline_builder.release.scoring.requests import (
    MOST_CAUSE,
    Kept,
    Request,
    change,
    is_group,
    is_pipeline,
    list_requests,
    put_new,
)

if TYPE_CHECKING:
    from pipeline_builder.release.record import PackageRecord, RunRecord, ScoreRecord
    from pipeline_builder.target import Target

Announcer = Callable[[Mapping[str, object]], None]
"""Tells the service of a request, which starts the training pipeline there."""
_MOST_EVENT_CAUSE = 200
_UNCHANGED = "nothing has changed since version {}: the same data and code make the same model"
_UNFIT = re.compile(r"[\"\\#{}]")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _time(when: datetime) -> str:
    return f"{when.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of a model's wish to be trained anew: the request that stands for it, if any, and words about it.

    `new` is one that was made now, for a `cause`.
    """

    model: str
    words: str
    request: Request | None = None
    new: bool = False

    @property
    def cause(self) -> str:
        return self.request.cause if self.new and self.request else ""


def ask_retraining(
    record: RunRecord,
    target: Target,
    *,
    now: Callable[[], datetime] = _now,
) -> tuple[Asked, ...]:
    """Ask for each model to be trained anew whose scores want it; repeated, it asks for nothing twice.

    What the scores want is judged from the evidence of the run. What goes wrong with one is in its words, and keeps
    neither the others nor the publication.
    """
    wishing = [score for score in record.scores if RETRAIN in score.actions]
    if not wishing or not record.evidence:
        return ()
    verdicts = {v.model: v for v in judge_scores(load_evidence(target, record.pipeline, record.evidence))}
    return tuple(
        _tried(score, verdicts[score.model], record, target, now())
        for score in wishing
        if score.model in verdicts and RETRAIN in verdicts[score.model].actions
    )


def announce_open(record: RunRecord, target: Target, announce: Announcer) -> None:
    """Tell the service of the open requests about the models of a run that it hasn't been told of.

    Whoever wrote one may have been killed before, or EventBridge not have taken it; telling it twice does no harm.
    """
    arns = dict.fromkeys(score.package_arn for score in record.scores if score.package_arn)
    makers = dict.fromkeys(training_of(target.registry.describe_package(arn)) for arn in arns)
    for kept in (kept for pipeline in filter(is_pipeline, makers) for kept in open_requests(pipeline, target)):
        if not kept.request.told:
            announce(event_of(kept.request))
            change(kept, target, told=True)


def event_of(request: Request) -> dict[str, object]:
    """Return the request as an event has it: its cause is one that EventBridge can put into JSON as it is."""
    cause = _UNFIT.sub("'", request.cause)
    cause = cause if len(cause) <= _MOST_EVENT_CAUSE else f"{cause[: _MOST_EVENT_CAUSE - 1]}…"
    keys = {"format", "group", "champion", "version", "execution", "date", "requested", "pipeline"}
    return {**request.model_dump(mode="json", include=keys), "cause": cause}


def _tried(score: ScoreRecord, verdict: ScoreVerdict, record: RunRecord, target: Target, now: datetime) -> Asked:
    try:
        return _ask(score, verdict, record, target, now)
    except PipelineBuilderError as error:
        why = "; ".join(f"{problem.id} {problem.message}" for problem in error.problems)
        name = f"{inert_line(score.group, 120)} version {score.package_version}"
        return Asked(model=score.model, words=f"{name}: its retraining couldn't be asked for: {why}")


def _ask(score: ScoreRecord, verdict: ScoreVerdict, record: RunRecord, target: Target, now: datetime) -> Asked:
    name = f"{inert_line(score.group, 120)} version {score.package_version}"
    if not is_group(score.group):
        return Asked(model=score.model, words=f"{name} is another account's: it is trained anew there")
    listed = target.registry.list_packages(score.group)
    package = target.registry.describe_package(score.package_arn)
    if said := _not_now(package, listed):
        return Asked(model=score.model, words=f"{name} is not trained anew: {said}")
    pipeline = training_of(package)
    if not is_pipeline(pipeline):
        return Asked(model=score.model, words=f"{name} is not trained anew: nothing says which pipeline has made it")
    wanted = Request(
        group=score.group, champion=score.package_arn, version=score.package_version,
        cause=_cut(verdict.words), causes=verdict.causes, execution=record.execution, date=score.date,
        requested=_time(now), pipeline=pipeline,
    )  # fmt: skip
    if before := _asked_before(wanted, target):
        return Asked(model=score.model, request=before, words=f"{name}: {describe(before)}")
    if not put_new(wanted, target):
        return Asked(model=score.model, request=wanted, words=f"{name}: its retraining has just been asked for")
    return Asked(model=score.model, request=wanted, new=True, words=f"{name}: its retraining is asked for")


def _cut(words: str) -> str:
    return words if len(words) <= MOST_CAUSE else f"{words[: MOST_CAUSE - 1]}…"


def _not_now(package: ModelPackage, listed: Sequence[ModelPackage]) -> str:
    """Return why a package isn't one to be trained anew, empty where it is."""
    champion = next((p for p in listed if p.status is ApprovalStatus.APPROVED), None)
    if champion is None or champion.version != package.version:
        return f"version {champion.version} is in use by now" if champion else "it isn't in use any more"
    waiting = [p.version for p in listed if p.status is ApprovalStatus.PENDING and p.version > package.version]
    return f"version {waiting[0]} waits for a decision" if waiting else ""


def training_of(package: ModelPackage) -> str:
    """Return the name of the pipeline that has made a package; empty where nothing says so."""
    found = re.search(r":pipeline/([^/]+)/execution/", package.execution)
    return found[1] if found else package.metadata.get(PIPELINE, "")


def _asked_before(wanted: Request, target: Target) -> Request | None:
    """Return the request that stands for a cause already: one of the champion that is open, or all of the same."""
    own = [k.request for k in list_requests(target, wanted.pipeline) if k.request.champion == wanted.champion]
    known = {cause for request in own for cause in request.causes}
    if open_ := next((request for request in own if request.state != "settled"), None):
        return open_
    return own[-1] if own and known >= {*wanted.causes} else None


def describe(request: Request) -> str:
    """Say where a request stands."""
    asked = f"its retraining was asked for by the scores of {request.date}"
    match request.state:
        case "open":
            return f"{asked}, and hasn't run yet"
        case "waits":
            return f"{asked}: version {request.candidate} waits for a decision"
        case _:
            return f"{asked}: {request.outcome}"


# --- what a run of the training pipeline answers


def answer_requests(
    record: RunRecord, target: Target, *, unchanged: Collection[str] = ()
) -> tuple[RunRecord, tuple[str, ...]]:
    """Note what a run of the training pipeline has answered; return its record with the causes, and lines about them.

    A run that failed, that was limited to other models, or that had ended before, answers nothing; but the models of
    `unchanged` groups were left out of it as nothing would be otherwise. Repeated, it says the same.
    """
    made = {package.group: package for package in record.packages}
    causes: list[str] = []
    lines: list[str] = []
    for kept in list_requests(target, record.pipeline):
        request = kept.request
        package, is_same = made.get(request.group), request.group in unchanged
        if not _may_answer(request, package):
            if request.answer == record.execution and request.candidate:
                causes.append(request.words)
            continue
        outcome = _unchanged(request, package, record) if is_same else _outcome(request, package, record)
        if not outcome or outcome.items() <= request.model_dump().items():
            continue
        changed = change(kept, target, answer=record.execution, told=True, **outcome)
        if changed.candidate:
            causes.append(changed.words)
        lines.append(f"{request.group} version {request.version}: {describe(changed)}")
    trigger = "; ".join(dict.fromkeys(filter(None, (record.trigger, *causes))))
    return record.model_copy(update={"trigger": trigger}), tuple(lines)


def _may_answer(request: Request, package: PackageRecord | None) -> bool:
    """Tell whether a run that has registered a package may answer a request: where nothing had changed when it was
    asked, another run may, as long as its champion is the same.
    """
    if request.state == "open":
        return True
    had_nothing = request.state == "settled" and not request.candidate and request.outcome == _said_unchanged(request)
    return had_nothing and package is not None and package.champion_version == request.version


def _said_unchanged(request: Request) -> str:
    return _UNCHANGED.format(request.version)


def _outcome(request: Request, package: PackageRecord | None, record: RunRecord) -> dict[str, object]:
    """Return what a run has made of a request; nothing where it stays open."""
    if package is None or package.version <= request.version or _was_before(request, record):
        return {}
    return _decision(package, record)


def _unchanged(request: Request, package: PackageRecord | None, record: RunRecord) -> dict[str, object]:
    """Return what becomes of a request that nothing can be made for but what there is."""
    if package is None or package.version <= request.version:
        return {"state": "settled", "outcome": _said_unchanged(request)}
    return _decision(package, record)


def _was_before(request: Request, record: RunRecord) -> bool:
    """Tell whether a run had ended before a request was made: it was judged anew since, and made nothing."""
    return record.ended is not None and _time(record.ended) < request.requested


def _decision(package: PackageRecord, record: RunRecord) -> dict[str, object]:
    """Return where a request stands by the version that a run has made for it."""
    if package.status == ApprovalStatus.APPROVED.value:
        return {"state": "settled", "candidate": package.version, "outcome": f"version {package.version} is in use"}
    if package.status == ApprovalStatus.REJECTED.value:
        return {"state": "settled", "candidate": package.version, "outcome": f"version {package.version} was rejected"}
    if not is_decidable(record, package):
        words = f"the gate blocks version {package.version}"
        return {"state": "settled", "candidate": package.version, "outcome": words}
    return {"state": "waits", "candidate": package.version, "outcome": ""}


def settle_requests(pipeline: str, target: Target) -> tuple[tuple[str, ...], tuple[Kept, ...]]:
    """Note what was decided about the candidates that requests wait for, and which are for no champion any more; return
    lines about them, and the requests that a run has to answer, oldest first.
    """
    lines: list[str] = []
    left: list[Kept] = []
    for kept in list_requests(target, pipeline):
        if kept.request.state != "settled" and (outcome := _decided(kept, target)):
            change(kept, target, state="settled", outcome=outcome)
            lines.append(f"{kept.request.group} version {kept.request.version}: its retraining is settled: {outcome}")
        elif kept.request.state == "open":
            left.append(kept)
    return tuple(lines), tuple(left)


def _decided(kept: Kept, target: Target) -> str:
    request = kept.request
    listed = target.registry.list_packages(request.group)
    candidate = next((p for p in listed if p.version == request.candidate), None) if request.candidate else None
    if candidate and candidate.status is not ApprovalStatus.PENDING:
        verb = "is in use" if candidate.status is ApprovalStatus.APPROVED else "was rejected"
        return f"version {candidate.version} {verb}"
    champion = next((p for p in listed if p.status is ApprovalStatus.APPROVED), None)
    if champion is None or champion.version == request.version:
        return "" if not request.candidate or candidate else f"version {request.candidate} is gone"
    return f"version {champion.version} is in use by now"


def open_requests(pipeline: str, target: Target) -> tuple[Kept, ...]:
    """Return the requests that a training pipeline has to answer, oldest first."""
    return tuple(kept for kept in list_requests(target, pipeline) if kept.request.state == "open")


def close_unanswered(kept: Kept, target: Target) -> str:
    """Close a request that a run of its pipeline hasn't answered; return words about it, empty where it has."""
    own = [now for now in list_requests(target, kept.request.pipeline) if now.uri == kept.uri]
    if not own or own[0].request.state != "open":
        return ""
    changed = change(own[0], target, state="settled", outcome="the run has registered no version of it")
    return f"{changed.group} version {changed.version}: {describe(changed)}"
