"""Decisions on records and a real registry: what the gate blocks, and who was faster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import PlanRefused, Problem, RunFailed
from pipeline_builder.release.gate import judge_models
from pipeline_builder.release.promote import Deciding, Decision, decide, waiting
from pipeline_builder.release.record import PackageRecord, RunRecord, VerdictRecord
from pipeline_builder.release.standing import Standing, standing
from tests.release.records import package, run_record

NAMES = ("churn", "price", "segments")
YES = Decision(status=ApprovalStatus.APPROVED, by="ada", comment="fine")
NO = Decision(status=ApprovalStatus.REJECTED, by="bob", comment="low")

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(State(tmp_path / "state.db"))


@pytest.fixture
def record(registry: LocalRegistry) -> RunRecord:
    """Three models, the last of them blocked."""
    found = []
    for name in NAMES:
        registry.put_group(name, "")
        made = registry.register({"ModelPackageGroupName": name}, execution="e1", step=name)
        passed = name != "segments"
        verdict = VerdictRecord(passed=passed, reasons=("auc is 0.5, expected at least 0.8",))
        found.append(package(name, arn=made.arn, version=1, verdict=verdict))
    return run_record(*NAMES, packages=tuple(found))


def statuses(record: RunRecord) -> list[str]:
    return [item.status for item in record.packages]


def test_without_a_name_what_may_be_approved_is_and_the_rest_is_said(
    record: RunRecord, registry: LocalRegistry
) -> None:
    decided = decide(record, YES, Deciding(registry=registry))
    assert statuses(decided.record) == ["Approved", "Approved", "PendingManualApproval"]
    assert isinstance(decided.failure, RunFailed)
    assert decided.failure.problems[0].message == "the gate blocks segments: auc is 0.5, expected at least 0.8"


def test_named_with_one_that_is_blocked_none_is_approved(record: RunRecord, registry: LocalRegistry) -> None:
    with pytest.raises(RunFailed, match="the gate blocks segments"):
        decide(record, YES, Deciding(registry=registry), models=("churn", "segments"))
    assert registry.list_approvals() == ()
    assert statuses(decide(record, NO, Deciding(registry=registry), models=("segments",)).record)[2] == "Rejected"


def test_a_rule_refuses_an_approval_and_no_rejection(record: RunRecord, registry: LocalRegistry) -> None:
    def rule(run: RunRecord, one: PackageRecord, decision: Decision) -> Sequence[Problem]:
        return (Problem(id="PB484", message=f"{decision.by} has written {one.model}"),) if one.model == "price" else ()

    decided = decide(record, YES, Deciding(registry=registry, rule=rule))
    assert statuses(decided.record) == ["Approved", "PendingManualApproval", "PendingManualApproval"]
    assert isinstance(decided.failure, PlanRefused)
    assert [problem.id for problem in decided.failure.problems] == ["PB431", "PB484"]
    assert (
        statuses(decide(record, NO, Deciding(registry=registry, rule=rule), models=("price",)).record)[1] == "Rejected"
    )


@pytest.mark.parametrize("other", [ApprovalStatus.REJECTED, ApprovalStatus.APPROVED])
def test_who_is_overtaken_overwrites_nothing(record: RunRecord, registry: LocalRegistry, other: ApprovalStatus) -> None:
    arn = record.packages[0].arn

    def while_it_is_written() -> datetime:
        if not registry.list_approvals():
            registry.set_approval(arn, other, description=f"{other.value} by bob: first", metadata={}, by="bob")
        return NOON

    decided = decide(record, YES, Deciding(registry=registry, now=while_it_is_written), models=("churn", "price"))
    assert [change.by for change in registry.list_approvals()] == ["ada", "bob"]
    assert statuses(decided.record)[1] == "Approved"
    if other is ApprovalStatus.APPROVED:
        assert decided.failure is None
        assert decided.record.packages[0].approval_description == "Approved by bob: first"
    else:
        assert isinstance(decided.failure, PlanRefused)
        assert "churn version 1 is rejected since 20" in str(decided.failure)
        assert "Rejected by bob: first" in str(decided.failure)
        assert "of 2 model packages 1 are Approved: price version 1" in str(decided.failure)


# --- one by one


def test_what_failed_elsewhere_is_no_fault_of_a_model() -> None:
    run = run_record("churn", "price", status="Failed")
    steps = tuple(s.model_copy(update={"status": "Failed"}) if s.name == "price-Training" else s for s in run.steps)
    run = run.model_copy(update={"steps": steps, "verdict": VerdictRecord(passed=False)})
    judged = judge_models(run, planned_sha256=run.definition_sha256)
    assert [one.verdict.passed for one in judged if one.verdict] == [True, False]
    assert judged[1].verdict
    assert judged[1].verdict.reasons == (
        "price version 2: the execution is Failed, the model's steps 'price-Training' is Failed",
    )
    assert [one.model for one in waiting(run.model_copy(update={"packages": judged}))] == ["churn"]
    # A record of before models were judged one by one has the run's verdict.
    assert waiting(run) == ()
    assert not [one.verdict for one in judge_models(run, planned_sha256="0" * 64) if one.verdict and one.verdict.passed]


@pytest.mark.parametrize(
    ("status", "word", "expected"),
    [
        ("PendingManualApproval", "", Standing.WAITING),
        ("PendingManualApproval", "asked again", Standing.WAITING),
        ("Approved", "approved by ada (execution e1)", Standing.APPROVED),
        ("Approved", "clicked in Studio", Standing.APPROVED),
        ("Approved", " ", Standing.UNSIGNED),
        ("Rejected", "", Standing.REJECTED),
        ("Rejected", "rejected by ada", Standing.REJECTED),
        ("Rejected", "rolled back by ada: slow", Standing.ROLLED_BACK),
    ],
)
def test_where_a_package_stands(status: str, word: str, expected: Standing) -> None:
    found = package("churn", status=status, approval_description=word)
    assert standing(found) is expected


def test_when_is_told_by_the_decision_or_by_the_registry(registry: LocalRegistry, record: RunRecord) -> None:
    at = Deciding(registry=registry, now=lambda: NOON)
    decide(record, YES, at, models=("churn",))
    with pytest.raises(
        PlanRefused, match="churn version 1 is approved since 2026-03-01 12:00 UTC: approved by ada: fine"
    ):
        decide(record, NO, at, models=("churn",))
