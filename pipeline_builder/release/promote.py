"""Promotion: decides about exactly the model packages that an execution registered, model by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, PlanRefused, Problem, RunFailed
from pipeline_builder.release.choosing import pick
from pipeline_builder.release.evidence import PIPELINE, PROPERTY
from pipeline_builder.release.record import PackageRecord, RunRecord, VerdictRecord
from pipeline_builder.release.standing import AT, BY, Standing, answers, describe_word, standing
from pipeline_builder.target import ModelRegistry

# ApprovalDescription takes 1024 characters.
MOST_DESCRIPTION = 1024

Rule = Callable[[RunRecord, PackageRecord, "Decision"], Sequence[Problem]]
"""Gives what is against this person's approval of a package."""


def _no_rule(record: RunRecord, package: PackageRecord, decision: Decision) -> tuple[Problem, ...]:
    del record, package, decision
    return ()


def _unchanged(arns: Sequence[str]) -> None:
    del arns


def _utc() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's answer: approve or reject, who said it, and why. `again` takes another's answer back.

    `names` are all that is known of who said it, where that is asked for; `stubs` says that it is known that steps of
    the run have not run.
    """

    status: ApprovalStatus
    by: str
    names: tuple[str, ...] = ()
    comment: str = ""
    again: bool = False
    stubs: bool = False

    def __post_init__(self) -> None:
        """Keep bytes of a command line that are no UTF-8 as the escapes that they are: no registry could write them."""
        for name in ("by", "comment"):
            words: str = getattr(self, name)
            object.__setattr__(self, name, words.encode("utf-8", "backslashreplace").decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A run's record as a decision has left it, what is to be said, and what of it could not be done."""

    record: RunRecord
    words: tuple[str, ...] = ()
    failure: PipelineBuilderError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What decisions are written with: the registry, and the `rule` that an approval has to keep besides the gate's.

    `using` refuses what comes into use again and isn't what was approved.
    """

    registry: ModelRegistry
    rule: Rule = _no_rule
    using: Callable[[Sequence[str]], None] = _unchanged
    now: Callable[[], datetime] = field(default=_utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The packages that a decision would be written about, and how the registry has all of those in question (ARNs).

    `words` are about what is decided already; `refusal` is what can't be done of the decision.
    """

    packages: tuple[PackageRecord, ...]
    now: Mapping[str, ModelPackage]
    words: tuple[str, ...] = ()
    refusal: PipelineBuilderError | None = None


def decide(
    record: RunRecord, decision: Decision, at: Deciding, *, models: Sequence[str] = (), named: bool = True
) -> Decided:
    """Approve or reject packages of the run: those of the models, or all that wait; of the models where not `named`.

    What is refused is refused before anything is written, but for what somebody else decides in the same moment. The
    same answer again changes nothing; so a call that was killed is repeated, and does what is left.

    Raises:
        as `choose` does.
    """
    chosen = choose(record, decision, at, models=models, named=named)
    written, failure = _write(chosen.packages, chosen.now, record, decision, at)
    packages = tuple(_as_now(p, {**chosen.now, **written}.get(p.arn)) for p in record.packages)
    return Decided(
        record=record.model_copy(update={"packages": packages}),
        words=chosen.words,
        failure=_merged(tuple(error for error in (failure, chosen.refusal) if error)),
    )


def choose(
    record: RunRecord, decision: Decision, at: Deciding, *, models: Sequence[str] = (), named: bool = True
) -> Chosen:
    """Return what a decision would be written about; nothing is written.

    Raises:
        InputProblems: PB430 where the run registered no package, PB480 for a model that it hasn't.
        PlanRefused: PB454 where a model is decided otherwise.
        RunFailed: PB431 where a model is to be approved that the gate blocked.
    """
    if not record.packages:
        message = f"the execution {record.execution} registered no model package, so there is nothing to decide"
        raise InputProblems(Problem(id="PB430", message=message))
    now = {package.arn: at.registry.describe_package(package.arn) for package in pick(record, models)}
    open_, settled = _open(now, decision, named=named and bool(models))
    chosen = [package for package in record.packages if package.arn in open_]
    refused = _refusals(chosen, record, decision, at) if decision.status is ApprovalStatus.APPROVED else {}
    refusal = _merged(tuple(refused.values()))
    if refusal and ((named and models) or len(refused) == len(chosen)):
        raise refusal
    left = tuple(package for package in chosen if package.arn not in refused)
    return Chosen(packages=left, now=now, words=settled, refusal=refusal)


def _refusals(
    chosen: Sequence[PackageRecord], record: RunRecord, decision: Decision, at: Deciding
) -> dict[str, PipelineBuilderError]:
    """Return what is against the approval of each package that something is against: the gate, else a rule."""
    found: dict[str, PipelineBuilderError] = {}
    for package in chosen:
        if blocked := _gate(record, package):
            found[package.arn] = RunFailed(*blocked)
        elif unknown := _stubs(record, decision):
            found[package.arn] = PlanRefused(unknown)
        elif against := at.rule(record, package, decision):
            found[package.arn] = PlanRefused(*against)
    return found


def stubbed(record: RunRecord) -> tuple[str, ...]:
    """Return the steps of a run that have not run, because their results were given."""
    return tuple(step.name for step in record.steps if step.stub)


def _stubs(record: RunRecord, decision: Decision) -> Problem | None:
    """Return what is against an approval that doesn't know of what has not run."""
    names = stubbed(record)
    if not names or decision.stubs:
        return None
    shown = ", ".join(f"'{name}'" for name in names)
    message = f"steps of the run did not run, their results are stubs: {shown}"
    return Problem(id="PB275", message=message, hint="'promote --accept-stubs' approves all the same, and says so")


def _merged(errors: Sequence[PipelineBuilderError]) -> PipelineBuilderError | None:
    """Return all of them as one; what failed outside, and what was refused, tell more than what was blocked."""
    kind = next((k for k in (OutsideFailure, PlanRefused, RunFailed) if any(isinstance(e, k) for e in errors)), None)
    return kind(*(problem for error in errors for problem in error.problems)) if kind else None


def _open(
    now: Mapping[str, ModelPackage], decision: Decision, *, named: bool
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return which packages are left to be decided about, and words about those that are decided.

    Raises:
        PlanRefused: PB454 for each that is decided otherwise and was named, or where none is left to decide about.
    """
    found = {arn: standing(package) for arn, package in now.items()}
    same = {arn for arn, state in found.items() if answers(decision.status, state)}
    fresh = {arn for arn, state in found.items() if _is_open(decision, state)} - same
    if decision.again:
        fresh = set(found) - same
    other = [arn for arn in found if arn not in same | fresh]
    if other and (named or not same | fresh):
        raise PlanRefused(*(_otherwise(now[arn]) for arn in other))
    return frozenset(fresh), tuple(describe_word(now[arn]) for arn in found if arn not in fresh)


def _is_open(decision: Decision, found: Standing) -> bool:
    """An approval that nobody has given a word to wants one; it is none of those that are there to be rejected."""
    approves = decision.status is ApprovalStatus.APPROVED
    return found is Standing.WAITING or (approves and found is Standing.UNSIGNED)


def _otherwise(package: ModelPackage) -> Problem:
    approved = package.status is ApprovalStatus.APPROVED
    again = "promote" if not approved else "reject"
    back = f"'{again} {package.group} --again --comment WHY' decides anew"
    hint = f"'rollback {package.group} --comment WHY' takes it out of use; {back}" if approved else back
    return Problem(id="PB454", message=f"{describe_word(package)}", hint=hint)


def _gate(record: RunRecord, package: PackageRecord) -> tuple[Problem, ...]:
    """Return why the gate doesn't let a package through."""
    verdict = package.verdict or _of_run(record)
    if verdict is None:
        hint = "'pipeline-builder run' judges it, and runs nothing where nothing changed"
        return (Problem(id="PB431", message="this run was not judged by the gate yet", hint=hint),)
    if verdict.passed:
        return ()
    return (Problem(id="PB431", message=f"the gate blocks {package.model}: {'; '.join(verdict.reasons)}"),)


def _of_run(record: RunRecord) -> VerdictRecord | None:
    """Return the verdict on a model of a record of before models were judged one by one: the run's."""
    if record.verdict and record.status != "Succeeded":
        return VerdictRecord(passed=False, reasons=(f"the execution is {record.status}",))
    return record.verdict


def is_decidable(record: RunRecord, package: PackageRecord) -> bool:
    """Tell whether the gate has nothing against a package, or somebody has decided about it already."""
    return standing(package) not in (Standing.WAITING, Standing.UNSIGNED) or not _gate(record, package)


def may_be_approved(record: RunRecord, package: PackageRecord) -> bool:
    """Tell whether a person has to decide about a package: it waits, and the gate lets it through."""
    return standing(package) is Standing.WAITING and not _gate(record, package)


def waiting(record: RunRecord) -> tuple[PackageRecord, ...]:
    """Return the packages that a person has to decide about."""
    return tuple(package for package in record.packages if may_be_approved(record, package))


# --- into the registry


def _write(
    packages: Sequence[PackageRecord],
    now: Mapping[str, ModelPackage],
    record: RunRecord,
    decision: Decision,
    at: Deciding,
) -> tuple[dict[str, ModelPackage], PipelineBuilderError | None]:
    """Decide about each package; what goes wrong with one doesn't keep the others from their decision."""
    done: dict[str, ModelPackage] = {}
    failures: list[PipelineBuilderError] = []
    for package in packages:
        found = _tried(package, now[package.arn], record, decision, at)
        if isinstance(found, ModelPackage):
            done[package.arn] = found
        else:
            failures.append(found)
    return done, _together(failures, done, decision)


def _tried(
    package: PackageRecord, current: ModelPackage, record: RunRecord, decision: Decision, at: Deciding
) -> ModelPackage | PipelineBuilderError:
    try:
        return _decide(current, record, decision, at)
    except (OutsideFailure, PlanRefused) as error:
        return _named(error, package)


def _named(error: PipelineBuilderError, package: PackageRecord) -> PipelineBuilderError:
    name = f"{package.group} version {package.version}"
    known = (p if p.message.startswith(name) else replace(p, message=f"{name}: {p.message}") for p in error.problems)
    return type(error)(*known)


def _together(
    failures: Sequence[PipelineBuilderError], done: Mapping[str, ModelPackage], decision: Decision
) -> PipelineBuilderError | None:
    if not failures:
        return None
    names = ", ".join(f"{package.group} version {package.version}" for package in done.values()) or "none"
    message = f"of {len(failures) + len(done)} model packages {len(done)} are {decision.status.value}: {names}"
    left = Problem(id="PB435", message=message, hint="repeat the command: it does what is left")
    return _merged([*failures, type(failures[0])(left)])


def _decide(current: ModelPackage, record: RunRecord, decision: Decision, at: Deciding) -> ModelPackage:
    """Write the decision; where somebody was faster with the same answer, theirs stands."""
    when = f"{at.now():%Y-%m-%d %H:%M} UTC"
    try:
        return at.registry.set_approval(
            current.arn,
            decision.status,
            description=describe_decision(record, decision),
            metadata={**provenance(record), AT: when, BY: decision.by},
            by=decision.by,
            since=current,
        )
    except PlanRefused as error:
        found = at.registry.describe_package(current.arn)
        if answers(decision.status, standing(found)):
            return found
        if standing(found) is Standing.WAITING:
            raise
        raise PlanRefused(_otherwise(found)) from error


def _as_now(package: PackageRecord, now: ModelPackage | None) -> PackageRecord:
    return package.decided(now.status.value, now.approval_description, now.metadata) if now else package


def describe_decision(record: RunRecord, decision: Decision) -> str:
    """Return who decided, why, and on what; the comment gives way where it would not fit."""
    verb = "approved" if decision.status is ApprovalStatus.APPROVED else "rejected"
    again = " again" if decision.again else ""
    what = f"execution {record.execution.rsplit('/', 1)[-1]}, definition {record.definition_sha256[:12]}"
    if (names := stubbed(record)) and decision.stubs:
        what = f"{what}, stubs for {', '.join(names)[:200]}"
    if record.evidence:
        what = f"{what}, evidence {record.evidence[:12]}"
    room = MOST_DESCRIPTION - len(f"{verb}{again} by {decision.by}:  ({what})")
    comment = " ".join(decision.comment.split())
    comment = comment if len(comment) <= room else f"{comment[: room - 1]}…"
    return f"{verb}{again} by {decision.by}{f': {comment}' if comment else ''} ({what})"


def provenance(record: RunRecord) -> Mapping[str, str]:
    """Return the custom properties that a decision adds to a package."""
    evidence = {PROPERTY: record.evidence, PIPELINE: record.pipeline} if record.evidence else {}
    return {
        "decided-execution": record.execution.rsplit("/", 1)[-1],
        "decided-definition": record.definition_sha256,
        **evidence,
    }
