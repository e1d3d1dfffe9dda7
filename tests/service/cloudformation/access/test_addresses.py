"""Addresses in definitions that watch: what roles may read of baselines, and of labels that may not have come."""

from __future__ import annotations

import json
from dataclasses import replace

from pipeline_builder.service.cloudformation.access.addresses import Found, find_addresses
from pipeline_builder.service.cloudformation.access.builds import build_roles
from pipeline_builder.service.cloudformation.access.touched import definition_facts
from tests.places import GOLDEN
from tests.service.cloudformation.access.facts import facts_with
from tests.service.cloudformation.access.iam import allows, documents


def found_in(name: str) -> list[Found]:
    document = json.loads((GOLDEN / name).read_text())
    defaults = {one["Name"]: one.get("DefaultValue") for one in document["Parameters"]}
    return [*find_addresses({step["Name"]: step for step in document["Steps"]}, defaults)]


def test_the_files_of_a_baseline_are_looked_at_as_reports_are() -> None:
    looked_at = {one.text for one in found_in("monitoring/baseline.json") if one.metrics}
    assert {text.rpartition("/")[2] for text in looked_at} == {
        "model_evaluation_metrics.json", "statistics.json", "constraints.json",
        "quality_statistics.json", "quality_constraints.json",
    }  # fmt: skip
    assert all("/executions/*/churn-" in text for text in looked_at)


def test_labels_are_read_below_what_is_known_of_their_address() -> None:
    read = {one.text for one in found_in("monitoring/monitor.json") if not one.written}
    assert {"s3://local/labels/", f"s3://local/churn-scoring/code/{'0' * 64}/_none"} <= read


def test_labels_are_looked_for_and_not_read_by_whom_starts() -> None:
    """S3 asks for the right to list with the prefix of the day; what is in labels only the job reads."""
    labels = "s3://theirs/labels/dt=${Parameters.LogicalDate}/"
    definition = definition_facts("tiny", b'{"Steps": []}', bucket="b", awaited=[labels])
    facts = replace(facts_with(kind="inference"), definition=definition)
    policies = [policy for role in build_roles(facts) if role.name == "score" for policy in documents(role)]
    assert allows(policies, "s3:ListBucket", "arn:aws:s3:::theirs", s3_prefix="labels/dt=2026-11-29/")
    assert not allows(policies, "s3:ListBucket", "arn:aws:s3:::theirs", s3_prefix="others/")
    assert not allows(policies, "s3:GetObject", "arn:aws:s3:::theirs/labels/dt=2026-11-29/x.csv")


def test_the_baseline_of_a_check_is_where_the_check_puts_it() -> None:
    """Or where its conf says that one is, which later data are held against."""
    document = {
        "Check": {
            "Type": "QualityCheck",
            "SuppliedBaselineStatistics": "s3://b/known/statistics.json",
            "Arguments": {"ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": "s3://b/made"}}]}},
        },
        "Register": {
            "Type": "RegisterModel",
            "Arguments": {
                "DriftCheckBaselines": {
                    "ModelDataQuality": {
                        "Statistics": {"S3Uri": {"Get": "Steps.Check.BaselineUsedForDriftCheckStatistics"}},
                        "Constraints": {"S3Uri": {"Get": "Steps.Check.BaselineUsedForDriftCheckConstraints"}},
                    }
                },
                "ModelMetrics": {
                    "ModelDataQuality": {"Statistics": {"S3Uri": {"Get": "Steps.Check.CalculatedBaselineStatistics"}}}
                },
            },
        },
    }
    looked_at = [one.text for one in find_addresses(document, {}) if one.metrics]  # type: ignore[arg-type] # JSON
    assert looked_at == ["s3://b/known/statistics.json", "s3://b/made/*", "s3://b/made/*"]
