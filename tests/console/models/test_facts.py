"""What is known of a version where not all of it is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline_builder.console.models.facts import Facts, gather_facts
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.release.evidence import PIPELINE, PROPERTY
from pipeline_builder.release.past.keeping import read_kept
from pipeline_builder.target import Target
from tests.console.consoles import look_of
from tests.workspaces import Workspace


@pytest.fixture
def target(history: Workspace) -> Target:
    return look_of(history).target


def package(target: Target, version: int, **changes: Any) -> ModelPackage:
    found = next(one for one in target.registry.list_packages("tiny-churn") if one.version == version)
    return replace(found, **changes)


def facts(target: Target, package: ModelPackage, *, kept: bool = True, **more: str) -> Facts:
    return gather_facts(
        package, target, read_run=lambda pipeline, run: read_kept(target, pipeline, run) if kept else None, **more
    )


def test_without_a_kept_record_the_evidence_and_the_definition_tell(target: Target) -> None:
    found = facts(target, package(target, 2), kept=False)
    assert found.record is None
    assert found.missing == ("the record of its run, which was before records were kept, or isn't this tool's",)
    assert [step.name for step in found.made] == [f"churn-{name}" for name in (
        "Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register-Gate", "Register",
    )]  # fmt: skip
    assert found.hyperparameters == {"scale": "5", "depth": "4"}
    assert found.metrics["regression_metrics"]["mae"]["value"] == 5.0
    assert found.verdict
    assert found.verdict.passed
    assert [commit.name for commit in found.own_commits] == ["churn"]


def test_a_package_that_somebody_else_has_registered(target: Target) -> None:
    made = ModelPackage(
        arn="arn:x", group="tiny-churn", version=9, status=package(target, 3).status, metrics_uri="s3://local/none.json"
    )
    found = facts(target, made)
    assert found.missing == ("which run has registered it: nothing of this tool names one",)
    assert (found.run, found.made, found.commits, found.verdict) == ("", (), (), None)
    assert found.fault == "nothing is at 's3://local/none.json'"
    assert facts(target, replace(made, metrics_uri="")).fault == "it was registered without an evaluation report"
    target.store.put("s3://local/odd.json", b"no report")
    assert facts(target, replace(made, metrics_uri="s3://local/odd.json")).fault.endswith("is no report in JSON")


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({PROPERTY: "0" * 64, PIPELINE: "tiny"}, "its evidence: PB462 the evidence 000000000000 is gone"),
        ({PROPERTY: "../..", PIPELINE: "tiny"}, "its evidence: PB462 '../..' of the pipeline 'tiny' is no evidence"),
        ({PROPERTY: "0" * 64, PIPELINE: "../x"}, "its evidence: PB462 '"),
    ],
)
def test_evidence_that_is_gone_or_none_is_said(target: Target, properties: dict[str, str], words: str) -> None:
    found = facts(target, package(target, 1, metadata=properties))
    assert found.evidence is None
    assert [one for one in found.missing if one.startswith(words)]
    assert found.made  # the rest is there


def test_an_execution_that_is_gone_is_said(target: Target) -> None:
    execution = "arn:aws:sagemaker:localhost:000000000000:pipeline/tiny/execution/none"
    found = facts(target, package(target, 1, execution=execution))
    assert (found.pipeline, found.run, found.made) == ("tiny", "none", ())
    assert any(one.startswith("its steps: ") for one in found.missing)
