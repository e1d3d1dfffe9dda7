"""Promotion: approves or rejects exactly the model packages that an execution registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline_builder.errors import InputProblems, OutsideFailure, Problem, RunFailed
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.target import ApprovalStatus, ModelPackage, ModelRegistry

# ApprovalDescription takes 1024 characters.
_MOST_DESCRIPTION = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's answer: approve or reject, who said it, and why."""

    status: ApprovalStatus
    by: str
    comment: str = ""


def promote(record: RunRecord, decision: Decision, registry: ModelRegistry) -> tuple[ModelPackage, ...]:
    """Set the approval of every package of the run; saying the same again changes nothing.

    Raises:
        InputProblems: PB430 where the run registered no package.
        RunFailed: PB431 where a run is to be approved that the gate blocked.
        OutsideFailure: what went wrong with some of them, after all have been tried, and which were decided.
    """
    if not record.packages:
        message = f"the execution {record.execution} registered no model package, so there is nothing to decide"
        raise InputProblems(Problem(id="PB430", message=message))
    if decision.status is ApprovalStatus.APPROVED:
        _refuse_blocked(record)
    done: list[ModelPackage] = []
    problems: list[Problem] = []
    for package in record.packages:
        found = _tried(package, record, decision, registry)
        if isinstance(found, ModelPackage):
            done.append(found)
        else:
            problems += found
    if problems:
        raise OutsideFailure(*problems, _some_decided(done, record, decision))
    return tuple(done)


def decide(record: RunRecord, decision: Decision, registry: ModelRegistry) -> RunRecord:
    """Approve or reject the packages of the run; return its record as that leaves it.

    Raises:
        PipelineBuilderError: those of `promote`.
    """
    done = {package.arn: package for package in promote(record, decision, registry)}
    packages = tuple(_decided(package, done[package.arn]) for package in record.packages)
    return record.model_copy(update={"packages": packages})


def _decided(package: PackageRecord, now: ModelPackage) -> PackageRecord:
    return package.decided(now.status.value, now.approval_description, now.metadata)


def _tried(
    package: PackageRecord, record: RunRecord, decision: Decision, registry: ModelRegistry
) -> ModelPackage | list[Problem]:
    """Decide about one package; what goes wrong with it doesn't keep the others from their decision."""
    try:
        return _decide(package, record, decision, registry)
    except OutsideFailure as error:
        name = f"{package.group} version {package.version}"
        return [replace(problem, message=f"{name}: {problem.message}") for problem in error.problems]


def _some_decided(done: list[ModelPackage], record: RunRecord, decision: Decision) -> Problem:
    names = ", ".join(f"{package.group} version {package.version}" for package in done) or "none"
    message = f"of {len(record.packages)} model packages {len(done)} are {decision.status.value}: {names}"
    return Problem(id="PB435", message=message, hint="repeat the command: it does what is left")


def rollback(group: str, decision: Decision, registry: ModelRegistry) -> tuple[ModelPackage, ModelPackage]:
    """Reject the group's newest approved version; return it, and the one before it, which is the champion again.

    A repeated call after a kill finds it rejected with the same words, and rejects nothing more.

    Raises:
        InputProblems: PB433 where there is no approved version to go back to.
    """
    packages = registry.list_packages(group)
    why = " ".join(f"rolled back by {decision.by}: {decision.comment}".split())[:_MOST_DESCRIPTION]
    approved = [package for package in packages if package.status is ApprovalStatus.APPROVED]
    rejected = next((package for package in packages if package.status is ApprovalStatus.REJECTED), None)
    if rejected and approved and rejected.version > approved[0].version:
        known = registry.describe_package(rejected.arn)
        if known.approval_description == why:
            return known, approved[0]
    if len(approved) < 2:
        message = f"'{group}' has {'one approved version' if approved else 'no approved version'}"
        hint = "a rollback needs the one in use and one before it"
        raise InputProblems(Problem(id="PB433", message=message, hint=hint))
    current, before = approved[:2]
    done = registry.set_approval(current.arn, ApprovalStatus.REJECTED, description=why, metadata={}, by=decision.by)
    return done, before


def _refuse_blocked(record: RunRecord) -> None:
    if record.verdict is None:
        hint = "'pipeline-builder run' judges it, and runs nothing where nothing changed"
        raise RunFailed(Problem(id="PB431", message="this run was not judged by the gate yet", hint=hint))
    if not record.verdict.passed:
        reasons = "; ".join(record.verdict.reasons)
        raise RunFailed(Problem(id="PB431", message=f"the gate blocks this run: {reasons}"))


def _decide(package: PackageRecord, record: RunRecord, decision: Decision, registry: ModelRegistry) -> ModelPackage:
    current = registry.describe_package(package.arn)
    if current.status is decision.status and not decision.comment:
        return current
    return registry.set_approval(
        package.arn,
        decision.status,
        description=describe_decision(record, decision),
        metadata=provenance(record),
        by=decision.by,
    )


def describe_decision(record: RunRecord, decision: Decision) -> str:
    """Return who decided, why, and on what; the comment gives way where it would not fit."""
    verb = "approved" if decision.status is ApprovalStatus.APPROVED else "rejected"
    what = f"execution {record.execution.rsplit('/', 1)[-1]}, definition {record.definition_sha256[:12]}"
    room = _MOST_DESCRIPTION - len(f"{verb} by {decision.by}:  ({what})")
    comment = " ".join(decision.comment.split())
    comment = comment if len(comment) <= room else f"{comment[: room - 1]}…"
    return f"{verb} by {decision.by}: {comment} ({what})" if comment else f"{verb} by {decision.by} ({what})"


def provenance(record: RunRecord) -> Mapping[str, str]:
    """Return the custom properties that a decision adds to a package."""
    return {
        "decided-execution": record.execution.rsplit("/", 1)[-1],
        "decided-definition": record.definition_sha256,
    }
