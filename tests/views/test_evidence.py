"""What a terminal says before a decision is what the report says."""

from __future__ import annotations

from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.record import BlockedRecord, CommitRecord, VerdictRecord
from pipeline_builder.views.evidence import render_evidence
from pipeline_builder.views.summary import render_result
from tests.release.records import CHAMPION, METRICS, package, run_record, steps

BOUND = BoundEvidence(metric="binary_classification_metrics.auc.value", min=0.95, max_regression="1%")


def test_numbers_bounds_and_commits() -> None:
    since = tuple(CommitRecord(sha=f"{n}" * 40, subject=f"Change {n}\x1b[31m") for n in range(1, 8))
    record = run_record(packages=(package("churn", champion_version=1, champion_metrics=CHAMPION, bounds=(BOUND,)),))
    repos = tuple(repo.model_copy(update={"before": "f" * 40, "since": since}) for repo in record.repos)
    assert render_evidence(record.model_copy(update={"repos": repos, "trigger": "a push", "evidence": "ab"})) == (
        "started by a push\n"
        "churn version 2 (Waits for your decision, against version 1)\n"
        "  auc          0.9142  champion 0.9  +0.0142 better  at least 0.95, at least 0.891 (1% worse than the champion), NOT kept\n"
        "  f1             0.66\n"
        "  accuracy       none  champion 0.8\n"
        "commit churn@1f3c9ab  Deeper trees\n"
        "  7 commits since the champion's, fffffff\n"
        "    1111111  Change 1\\x1b[31m\n"
        "    2222222  Change 2\\x1b[31m\n"
        "    3333333  Change 3\\x1b[31m\n"
        "    4444444  Change 4\\x1b[31m\n"
        "    5555555  Change 5\\x1b[31m\n"
        "    and 2 more in the report\n"
        "evidence ab"
    )


def test_what_is_blocked_has_its_numbers_too() -> None:
    kept = BlockedRecord(model="price", group="price", step="g", metrics=METRICS, bounds=(BOUND,), metrics_fault="half")
    said = render_result(run_record(status="Failed", packages=(), blocked=(kept,), repos=()), "build/report.html")
    assert (
        "price (Blocked, no champion yet)\n"
        "  auc     0.9142  at least 0.95, NOT kept\n"
        "  f1        0.66\n"
        "  half\n"
        "  it was not registered: the gate of the pipeline kept it from the registry\n"
    ) in said
    no = VerdictRecord(passed=False, reasons=("auc is low",))
    record = run_record(packages=(package("churn", verdict=no),), verdict=no, repos=(), steps=steps("churn"))
    assert "churn version 2 (Blocked, no champion yet)" in render_evidence(record)
