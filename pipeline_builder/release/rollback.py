"""Rollback: takes a model's champion out of use; the approved version before it is the champion again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.release.promote import MOST_DESCRIPTION, Deciding, Decision
from pipeline_builder.release.standing import AT, BY, ROLLED_BACK, Standing, standing

_TWO = "a rollback needs the one in use and one before it"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The version that went out of use, and the champion now, if any; `lost` is why that isn't what was approved.

    `passed` are versions between the two that aren't what was approved any more: they went out of use with it.
    """

    gone: ModelPackage
    champion: ModelPackage | None
    lost: str = ""
    passed: tuple[ModelPackage, ...] = ()


def rollback(group: str, decision: Decision, at: Deciding, *, champion: str = "") -> RolledBack:
    """Reject the group's newest approved version; the one before it is the champion again.

    That is the newest before it that is what was approved: those between, which aren't any more, go out of use first,
    so that at no moment one of them is the champion. Where none is, a champion that is lost itself goes out of use all
    the same; with nothing before it the group has no champion then, and its next version is the first again.

    A repeated call after a kill finds it rejected with the same words, and rejects nothing more; so does one of two at
    once. Who has seen which version is the `champion` (its ARN) means that one, whatever was rejected before.

    Raises:
        InputProblems: PB433 where there is no approved version, or none to go back to from one that is whole.
        PlanRefused: PB461, PB462 where the version before isn't what was approved any more, PB454 where another is the
            champion.
    """
    packages = at.registry.list_packages(group)
    why = words_of(decision)
    approved = [package for package in packages if package.status is ApprovalStatus.APPROVED]
    now = approved[0] if approved else None
    if champion and now and now.arn != champion:
        raise PlanRefused(other_champion(now))
    if not champion and (done := _done(packages, now, why, at)):
        return RolledBack(gone=done, champion=now)
    if now is None:
        raise InputProblems(Problem(id="PB433", message=f"'{group}' has no approved version", hint=_TWO))
    refusals = _refusals(approved[1:], at)
    passed = approved[1 : 1 + len(refusals)]
    if len(approved) > 1 + len(refusals):
        for package in passed:
            _roll_back(package, why, decision, at)
        gone = _roll_back(now, why, decision, at)
        return RolledBack(gone=gone, champion=approved[len(refusals) + 1], passed=tuple(passed))
    if not _refusal(now, at):
        raise refusals[0] if refusals else InputProblems(_alone(now))
    lost = refusals[0].problems[0].message if refusals else ""
    return RolledBack(gone=_roll_back(now, why, decision, at), champion=passed[0] if passed else None, lost=lost)


def _alone(now: ModelPackage) -> Problem:
    hint = f"{_TWO}; 'reject {now.group} --again --comment WHY' takes its approval back, and then there is none"
    return Problem(id="PB433", message=f"'{now.group}' has one approved version", hint=hint)


def _refusals(packages: Sequence[ModelPackage], at: Deciding) -> list[PlanRefused]:
    """Return why the first of these packages can't come into use, up to one that can."""
    found: list[PlanRefused] = []
    for package in packages:
        refused = _refusal(package, at)
        if refused is None:
            break
        found.append(refused)
    return found


def _refusal(package: ModelPackage, at: Deciding) -> PlanRefused | None:
    """Return why a version can't come into use: it isn't what was approved, or its evidence is gone."""
    try:
        at.using([package.arn])
    except PlanRefused as refused:
        return refused
    return None


def other_champion(now: ModelPackage, words: str = "") -> Problem:
    """Say that another version is the champion than the one that was looked at."""
    message = f"the champion of '{now.group}' is version {now.version} now{words}"
    return Problem(id="PB454", message=message, hint="nothing was decided: look again at what is in use")


def words_of(decision: Decision) -> str:
    """Return what the registry says of a version that was rolled back so."""
    return " ".join(f"{ROLLED_BACK} {decision.by}: {decision.comment}".split())[:MOST_DESCRIPTION]


def _done(
    packages: Sequence[ModelPackage], champion: ModelPackage | None, why: str, at: Deciding
) -> ModelPackage | None:
    """Return the package that was rolled back with these words; others may have been rejected since."""
    last = champion.version if champion else 0
    newer = (p for p in packages if p.status is ApprovalStatus.REJECTED and p.version > last)
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
