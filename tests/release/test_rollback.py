"""Rollback on a real registry: repeated, it takes no second version out of use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.release.promote import Deciding, Decision
from pipeline_builder.release.rollback import rollback


def made_of(path: Path, count: int, approved: int) -> tuple[LocalRegistry, list[str]]:
    """Return a registry with so many versions, of which the first are approved."""
    registry = LocalRegistry(State(path / "state.db"))
    registry.put_group("churn", "")
    made = [
        registry.register({"ModelPackageGroupName": "churn"}, execution=f"e{number}", step="churn").arn
        for number in range(count)
    ]
    for arn in made[:approved]:
        registry.set_approval(arn, ApprovalStatus.APPROVED, description="approved by ada", metadata={}, by="ada")
    return registry, made


def test_repeated_after_another_version_was_rejected_it_rolls_back_no_more(tmp_path: Path) -> None:
    registry, made = made_of(tmp_path, 4, 3)
    why = Decision(status=ApprovalStatus.REJECTED, by="ada", comment="complaints")
    first = rollback("churn", why, Deciding(registry=registry))
    registry.set_approval(made[3], ApprovalStatus.REJECTED, description="rejected by bob", metadata={}, by="bob")
    again = rollback("churn", why, Deciding(registry=registry))
    assert [(one.gone.version, one.champion and one.champion.version) for one in (first, again)] == [(3, 2), (3, 2)]
    assert len(registry.list_approvals()) == 5


def test_who_has_seen_the_champion_means_that_one(tmp_path: Path) -> None:
    """Also in the words of another time: those of the one before it are no sign that this is done."""
    registry, made = made_of(tmp_path, 3, 3)
    why, at = Decision(status=ApprovalStatus.REJECTED, by="ada", comment="complaints"), Deciding(registry=registry)
    for seen, old in ((made[2], 3), (made[1], 2)):
        assert rollback("churn", why, at, champion=seen).gone.version == old
    with pytest.raises(PlanRefused) as refused:
        rollback("churn", why, at, champion=made[1])
    assert refused.value.problems[0].message == "the champion of 'churn' is version 1 now"
    assert [one.status.value for one in registry.list_packages("churn")] == ["Rejected", "Rejected", "Approved"]


def test_a_champion_that_is_lost_goes_out_of_use_whatever_is_before_it(tmp_path: Path) -> None:
    """Its evidence is gone, and that of what is before it: else no later version could be judged, or take its place."""
    registry, made = made_of(tmp_path, 2, 2)
    lost = set(made)

    def using(arns: Sequence[str]) -> None:
        if gone := lost & {*arns}:
            raise PlanRefused(Problem(id="PB462", message=f"the evidence of {min(gone)} is gone"))

    at = Deciding(registry=registry, using=using)
    words = ("a disk", "the same disk")
    first, second = (
        rollback("churn", Decision(status=ApprovalStatus.REJECTED, by="ada", comment=c), at) for c in words
    )
    assert (first.gone.version, first.champion and first.champion.version, first.lost) == (
        2, 1, f"the evidence of {made[0]} is gone",
    )  # fmt: skip
    assert (second.gone.version, second.champion, second.lost) == (1, None, "")
    again = Decision(status=ApprovalStatus.REJECTED, by="ada", comment="the same disk")
    assert rollback("churn", again, at).gone.version == 1
    with pytest.raises(InputProblems, match="no approved version"):
        rollback("churn", Decision(status=ApprovalStatus.REJECTED, by="ada", comment="more"), at)


def test_versions_that_are_lost_are_passed_over(tmp_path: Path) -> None:
    """They go out of use with the champion, whether that is lost or not, and before it: none is the champion for once."""
    for name, lost in (("whole", (2, 3)), ("lost", (2, 3, 4))):
        registry, made = made_of(tmp_path / name, 4, 4)

        def using(arns: Sequence[str], lost: tuple[int, ...] = lost) -> None:
            if any(arn.endswith(f"/{number}") for arn in arns for number in lost):
                raise PlanRefused(Problem(id="PB461", message="its bytes have moved"))

        why = Decision(status=ApprovalStatus.REJECTED, by="ada", comment="why")
        done = rollback("churn", why, Deciding(registry=registry, using=using))
        assert [one.version for one in (done.gone, *done.passed)] == [4, 3, 2]
        assert (done.champion and done.champion.arn, done.lost) == (made[0], "")
        rejected = [one.package for one in registry.list_approvals() if one.after is ApprovalStatus.REJECTED]
        assert rejected == [made[3], made[1], made[2]]  # the newest first
        again = rollback("churn", why, Deciding(registry=registry, using=using))
        assert (again.gone.version, again.champion and again.champion.version) == (4, 1)


@pytest.mark.parametrize(("approved", "lost", "error"), [(2, 1, PlanRefused), (1, 0, InputProblems)])
def test_a_champion_that_is_whole_needs_a_whole_one_before_it(
    tmp_path: Path, approved: int, lost: int, error: type[Exception]
) -> None:
    registry, made = made_of(tmp_path, 2, approved)

    def using(arns: Sequence[str]) -> None:
        if {*arns} & {*made[:lost]}:
            raise PlanRefused(Problem(id="PB461", message="its bytes have moved"))

    with pytest.raises(error):
        rollback(
            "churn",
            Decision(status=ApprovalStatus.REJECTED, by="ada", comment="why"),
            Deciding(registry=registry, using=using),
        )
    assert [one.status for one in registry.list_packages("churn")][-1] is ApprovalStatus.APPROVED
