"""Promotion: approves or rejects exactly the model packages that an execution registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.errors import InputProblems, Problem, RunFailed
from pipeline_builder.record import PackageRecord, RunRecord
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
    """
    if not record.packages:
        message = f"the execution {record.execution} registered no model package, so there is nothing to decide"
        raise InputProblems(Problem(id="PB430", message=message))
    if decision.status is ApprovalStatus.APPROVED:
        _refuse_blocked(record)
    return tuple(_decide(package, record, decision, registry) for package in record.packages)


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
