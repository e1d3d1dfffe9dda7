"""Rollback on a real registry: repeated, it takes no second version out of use."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import State
from pipeline_builder.release.promote import Deciding, Decision
from pipeline_builder.release.rollback import rollback


def test_repeated_after_another_version_was_rejected_it_rolls_back_no_more(tmp_path: Path) -> None:
    registry = LocalRegistry(State(tmp_path / "state.db"))
    registry.put_group("churn", "")
    made = [
        registry.register({"ModelPackageGroupName": "churn"}, execution=f"e{number}", step="churn").arn
        for number in range(4)
    ]
    for arn in made[:3]:
        registry.set_approval(arn, ApprovalStatus.APPROVED, description="approved by ada", metadata={}, by="ada")
    why = Decision(status=ApprovalStatus.REJECTED, by="ada", comment="complaints")
    first = rollback("churn", why, Deciding(registry=registry))
    registry.set_approval(made[3], ApprovalStatus.REJECTED, description="rejected by bob", metadata={}, by="bob")
    again = rollback("churn", why, Deciding(registry=registry))
    assert [(old.version, new.version) for old, new in (first, again)] == [(3, 2), (3, 2)]
    assert len(registry.list_approvals()) == 5
