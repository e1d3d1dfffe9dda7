"""What the gate says: numbers that would look like their bounds, and reports that have none at a path."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from pipeline_builder.conf.registration import GateSection
from pipeline_builder.release.gate import judge
from pipeline_builder.release.metrics import short_name
from tests.release.records import package, run_record


@pytest.mark.parametrize(
    ("gate", "report", "said"),
    [
        ({"min": 0.9}, {"m": 0.8999999}, "m is 0.8999999, expected at least 0.9"),
        ({"max": 1234567.0}, {"m": 1234568}, "m is 1234568.0, expected at most 1234567.0"),
        ({"min": 0.9}, {"m": 0.5}, "m is 0.5, expected at least 0.9"),
        (
            {"max_regression": "0", "better": "higher"}, {"m": 0.4999999},
            "m is 0.4999999, the champion's (version 1) 0.5, and it may be 0 worse at most",
        ),
        ({"max": 1}, {"m": float("nan")}, "the report has no number 'm', there is NaN"),
        ({"max": 1}, {"m": {"value": 1, "n\x1b": 2}}, 'the report has no number \'m\', there is {"value": 1, "n\\u001b": 2}'),
        ({"max": 1}, {"a": 1}, "the report has no number 'm': the file has 'a'"),
        ({"max": 1}, [1], "the report has no number 'm': the file has 1 items"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_bound(gate: dict[str, Any], report: Any, said: str) -> None:
    made = package("churn", metrics=report, champion_version=1, champion_metrics={"m": 0.5})
    verdict = judge(
        run_record(packages=(made,)), planned_sha256="", gates={"churn": (GateSection(metric="m", **gate),)}
    )
    assert f"churn version 2: {said}" in verdict.reasons


@pytest.mark.parametrize(
    ("before", "after", "allowed", "better", "passed"),
    [
        (0.95, 0.94, "0.01", "higher", True),  # a difference of 0.010000000000000009
        (0.95, 0.9399999, "0.01", "higher", False),
        (0.9, 0.882, "2%", "higher", True),
        (0.3, 0.33, "10%", "lower", True),
        (0.3, 0.33000001, "10%", "lower", False),
        (-0.5, -0.55, "10%", "higher", True),
        (1 / 3, 1 / 3, "0", "higher", True),
        (1 / 3, 0.333333333333, "0%", "higher", False),
        (0, 0, "5%", "lower", True),
    ],
)
def test_what_is_just_so_much_worse_is_allowed(
    before: float, after: float, allowed: str, better: Literal["higher", "lower"], *, passed: bool
) -> None:
    made = package("churn", metrics={"m": after}, champion_version=1, champion_metrics={"m": before})
    gate = GateSection(metric="m", max_regression=allowed, better=better)
    record = run_record(packages=(made,))
    assert judge(record, planned_sha256=record.definition_sha256, gates={"churn": (gate,)}).passed is passed


@pytest.mark.parametrize("path", ["['mAP@0.5'].value", "$.['mAP@0.5'].value", "$['mAP@0.5']['value']"])
def test_a_metric_whose_name_has_a_dot(path: str) -> None:
    gate = GateSection(metric=path, min=0.3)
    record = run_record(packages=(package("churn", metrics={"mAP@0.5": {"value": 0.4}}),))
    verdict = judge(record, planned_sha256=record.definition_sha256, gates={"churn": (gate,)})
    assert verdict.passed, verdict.reasons
    assert short_name(path) == "mAP@0.5"
