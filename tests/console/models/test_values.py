"""What pages about models are made of, as values: differences, bounds, turns, lineage."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pipeline_builder.console.models.bounds import bounds_of, judged
from pipeline_builder.console.models.comparing import package_name, software_difference
from pipeline_builder.console.models.differing import changed_only, differences
from pipeline_builder.console.models.history import (
    Ran,
    metric_names,
    turns_of,
    turns_told,
    versions_of,
)
from pipeline_builder.console.models.listed import waiting_of
from pipeline_builder.console.models.sparks import spark
from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.release.evidence import BoundEvidence
from tests.console.models.made import ran

BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)
PENDING, APPROVED, REJECTED = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.REJECTED


def change(
    version: int, before: ApprovalStatus, after: ApprovalStatus, hour: int, group: str = "churn"
) -> ApprovalChange:
    return ApprovalChange(
        package=f"arn/{group}/{version}", group=group, version=version, before=before, after=after, by="ada",
        description=f"why {version}", when=BEGIN + timedelta(hours=hour),
    )  # fmt: skip


def package(version: int, status: ApprovalStatus = PENDING, **more: object) -> ModelPackage:
    return ModelPackage(arn=f"arn/churn/{version}", group="churn", version=version, status=status, **more)  # type: ignore[arg-type]


def test_what_differs_is_added_removed_changed_or_the_same() -> None:
    found = differences({"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"})
    assert [(one.name, one.change) for one in found] == [
        ("b", "same"), ("c", "changed"), ("d", "added"), ("a", "removed"),
    ]  # fmt: skip
    assert [one.name for one in changed_only(found)] == ["c", "d", "a"]


@pytest.mark.parametrize(
    ("bound", "better", "words"),
    [
        ({"min": 0.8}, "higher", "at least 0.8"),
        ({"max": 3, "higher_is_better": False}, "lower", "at most 3"),
        ({"min": 0.1, "max": 0.9}, "", "at least 0.1, at most 0.9"),
        ({"max_regression": "2%"}, "higher", "at most 2% lower than the champion's"),
        ({"max_regression": "0.1", "higher_is_better": False}, "lower", "at most 0.1 higher than the champion's"),
        ({"min": "Least", "max_regression": "1"}, "higher", "at least Least, at most 1 lower than the champion's"),
    ],
)
def test_a_bound_says_which_way_is_better_or_nothing(bound: dict[str, object], better: str, words: str) -> None:
    name = "binary_classification_metrics.auc.value"
    found = bounds_of([BoundEvidence(metric=name, **bound)])
    assert (found["auc"].better, found["auc"].words) == (better, words)
    assert found["auc"].min == (bound.get("min") if not isinstance(bound.get("min"), str) else None)


def test_better_and_worse_are_said_only_where_the_gate_says_which_way() -> None:
    assert judged(0.8, 0.9, "higher") == judged(0.9, 0.8, "lower") == "better"
    assert judged(0.9, 0.8, "higher") == judged(0.8, 0.9, "lower") == "worse"
    assert judged(0.8, 0.8, "higher") == "same"
    assert judged(0.8, 0.9, "") == judged(None, 0.9, "higher") == judged(0.9, None, "higher") == ""


def test_decisions_become_turns_of_one_model_oldest_first() -> None:
    newest_first = [
        change(2, APPROVED, REJECTED, 4), change(2, PENDING, APPROVED, 3), change(9, PENDING, APPROVED, 3, "other"),
        change(3, PENDING, REJECTED, 2), change(1, PENDING, APPROVED, 1),
    ]  # fmt: skip
    turns = turns_of(newest_first, "churn")
    assert [(turn.version, turn.what) for turn in turns] == [
        (1, "promoted"), (3, "rejected"), (2, "promoted"), (2, "rolled back"),
    ]  # fmt: skip


def test_what_the_gate_has_blocked_waits_for_nobody() -> None:
    judged_as = {
        one: Ran(pipeline="p", run=f"r{one}", execution="e", started=BEGIN, passed=passed)
        for one, passed in {1: True, 2: False, 3: None}.items()
    }
    newest_first = [
        package(3),
        package(2),
        package(1, APPROVED, approval_description="approved by ada", metadata={"decided-by": "ada"}),
    ]
    versions = versions_of(newest_first, judged_as, 1)
    assert [(one.word, one.tone, one.blocked) for one in versions] == [
        ("waits", "wait", False), ("blocked", "bad", True), ("champion", "good", False),
    ]  # fmt: skip
    assert tuple(waiting_of(newest_first, judged_as)) == (3,)


def test_where_only_the_last_word_is_kept_it_is_told_by_the_package_itself() -> None:
    packages = [
        package(4),
        package(3, REJECTED, approval_description="rolled back by bob: slow", modified=BEGIN + timedelta(hours=9)),
        package(
            2,
            APPROVED,
            approval_description="approved by ada",
            metadata={"decided-at": "2026-11-01 03:00 UTC", "decided-by": "ada"},
        ),
        package(1, APPROVED),
    ]
    versions = versions_of(packages, {}, 2)
    assert [version.word for version in versions] == ["waits", "rolled back", "champion", "approved by nobody"]
    assert [(turn.version, turn.what, turn.by) for turn in turns_told(versions)] == [
        (2, "promoted", "ada"), (3, "rolled back", ""),
    ]  # fmt: skip


def test_the_metrics_that_a_gate_bounds_come_first() -> None:
    runs = [ran(2, rows=3.0, auc=0.9, gain=1.0), ran(1, auc=0.8, old=2.0)]
    assert metric_names(runs, ["gain"]) == ("gain", "rows", "auc", "old")


def test_a_spark_draws_two_numbers_or_more_and_its_name_is_inert() -> None:
    assert spark("auc", [0.9]) == ""
    drawn = spark('a"><script>', [1.0, 2.0, 1.5])
    assert "<script" not in drawn
    assert "3 versions, from 1 to 1.5" in drawn


def test_requirements_are_compared_by_package() -> None:
    before = {"a-Train": ("numpy==1.0", "Foo_Bar>=2"), "a-Metrics": ("numpy==1.0",)}
    after = {"a-Train": ("numpy==2.0", "new==1 ; python_version > '3'"), "a-Metrics": ("numpy==1.0", "foo-bar>=2")}
    found = {one.name: (one.before, one.after) for one in software_difference(before, after)}
    assert found == {
        "numpy": ("numpy==1.0", "numpy==1.0; numpy==2.0"),
        "foo-bar": ("Foo_Bar>=2", "foo-bar>=2"),
        "new": (None, "new==1 ; python_version > '3'"),
    }
    assert package_name(" --index-url x") == "--index-url x"
