"""Rollback: takes a model's champion out of use; the approved version before it is the champion again."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.release.promote import MOST_DESCRIPTION, Deciding, Decision
from pipeline_builder.release.standing import AT, BY, ROLLED_BACK, Standing, standing


def rollback(group: str, decision: Decision, at: Deciding, *, champion: str = "") -> tuple[ModelPackage, ModelPackage]:
    """Reject the group's newest approved version; return it, and the one before it, which is the champion again.

    A repeated call after a kill finds it rejected with the same words, and rejects nothing more; so does one of two at
    once. Who has seen which version is the `champion` (its ARN) means that one, whatever was rejected before.

    Raises:
        InputProblems: PB433 where there is no approved version to go back to.
        PlanRefused: PB461 where that version isn't what was approved any more, PB454 where another is the champion.
    """
    packages = at.registry.list_packages(group)
    why = words_of(decision)
    approved = [package for package in packages if package.status is ApprovalStatus.APPROVED]
    if champion and approved and approved[0].arn != champion:
        raise PlanRefused(other_champion(approved[0]))
    if approved and not champion and (done := _done(packages, approved[0], why, at)):
        return done, approved[0]
    if len(approved) < 2:
        message = f"'{group}' has {'one approved version' if approved else 'no approved version'}"
        hint = "a rollback needs the one in use and one before it"
        raise InputProblems(Problem(id="PB433", message=message, hint=hint))
    at.using([approved[1].arn])
    return _roll_back(approved[0], why, decision, at), approved[1]


def other_champion(now: ModelPackage, words: str = "") -> Problem:
    """Say that another version is the champion than the one that was looked at."""
    message = f"the champion of '{now.group}' is version {now.version} now{words}"
    return Problem(id="PB454", message=message, hint="nothing was decided: look again at what is in use")


def words_of(decision: Decision) -> str:
    """Return what the registry says of a version that was rolled back so."""
    return " ".join(f"{ROLLED_BACK} {decision.by}: {decision.comment}".split())[:MOST_DESCRIPTION]


def _done(packages: Sequence[ModelPackage], champion: ModelPackage, why: str, at: Deciding) -> ModelPackage | None:
    """Return the package that was rolled back with these words; others may have been rejected since."""
    newer = (p for p in packages if p.status is ApprovalStatus.REJECTED and p.version > champion.version)
    known = (at.registry.describe_package(package.arn) for package in newer)
    return next((package for package in known if package.approval_description == why), None)


def _roll_back(champion: ModelPackage, why: str, decision: Decision, at: Deciding) -> ModelPackage:
    """Write it, unless somebody has just done the same."""
    current = at.registry.describe_package(champion.arn)
    metadata = {AT: f"{at.now():%Y-%m-%d %H:%M} UTC", BY: decision.by}
    if standing(current) is Standing.ROLLED_BACK:
        return current
    try:
        return at.registry.set_approval(
            current.arn, ApprovalStatus.REJECTED, description=why, metadata=metadata, by=decision.by, since=current
        )
    except PlanRefused:
        found = at.registry.describe_package(current.arn)
        if standing(found) is not Standing.ROLLED_BACK:
            raise
        return found
