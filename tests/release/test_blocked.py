"""What a gate inside of the pipeline has kept from the registry: found by the definition, and never a reason to fail."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pipeline_builder.descriptions import (
    ApprovalStatus,
    Execution,
    ExecutionStatus,
    JobDescription,
    StepState,
    StepStatus,
)
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.release.blocked import find_blocked
from pipeline_builder.release.evidence import BoundEvidence
from tests.places import GOLDEN
from tests.release.records import BEGIN

REPORT = {"regression_metrics": {"rmse": {"value": 0.7}}}
ADDRESS = "s3://local/housing/price/executions/abc/price-Metrics/model_evaluation_metrics/model_evaluation_metrics.json"
HOUSING = (GOLDEN / "examples" / "housing.json").read_bytes()


@dataclass(frozen=True)
class Package:
    arn: str
    version: int
    status: ApprovalStatus
    metrics_uri: str = ""


@dataclass
class Far:
    """A target that has a job, objects and packages; what it was told to fails."""

    objects: dict[str, bytes] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    broken: str = ""
    knows_job: bool = True

    @property
    def pipelines(self) -> Far:
        return self

    store = registry = pipelines

    def _asked(self, what: str) -> None:
        if what == self.broken:
            raise OutsideFailure(Problem(id="PB700", message=f"{what} is refused"))

    def describe_job(self, arn: str, step: str) -> JobDescription | None:
        self._asked("describe")
        assert (arn, step) == ("arn/abc", "price-Metrics")
        output = {"OutputName": "model_evaluation_metrics", "S3Output": {"S3Uri": ADDRESS.rpartition("/")[0]}}
        request: dict[str, Any] = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "other"}, output]}}
        found = JobDescription(
            kind="ProcessingJob", name="x", arn="x", execution=arn, status="Completed", request=request
        )
        return found if self.knows_job else None

    def get(self, uri: str) -> bytes:
        self._asked("get")
        return self.objects[uri]

    def list_packages(self, group: str) -> tuple[Package, ...]:
        self._asked("list")
        assert group == "housing-price"
        return self.packages

    def describe_package(self, arn: str) -> Package:
        return next(package for package in self.packages if package.arn == arn)


EXECUTION = Execution(
    arn="arn/abc", pipeline="housing", version=1, status=ExecutionStatus.FAILED, definition_sha256="", parameters={"Limit": "0.4"},
    fingerprint="", started=BEGIN,
)  # fmt: skip
GATE = StepState(
    name="price-Register-Gate", type="Condition", status=StepStatus.SUCCEEDED, metadata={"Condition": "False"}
)
BLOCKED = StepState(name="price-Register-Blocked", type="Fail", status=StepStatus.FAILED, failure_reason="rmse is 0.7")
CHAMPIONS = (
    Package("p/3", 3, ApprovalStatus.REJECTED), Package("p/2", 2, ApprovalStatus.APPROVED, "s3://b/2.json"),
    Package("p/1", 1, ApprovalStatus.APPROVED, "s3://b/1.json"),
)  # fmt: skip
FULL = Far({ADDRESS: json.dumps(REPORT).encode(), "s3://b/2.json": b'{"rmse": 0.5}'}, CHAMPIONS)


def find(far: Far, *states: StepState, content: bytes = HOUSING) -> Any:
    models = {"price-Register": "price"}
    return find_blocked(states or (GATE, BLOCKED), content, EXECUTION, far, models)  # type: ignore[arg-type] # it has the verbs


def test_a_blocked_model_has_its_numbers_its_bounds_and_the_champions() -> None:
    (found,) = find(FULL)
    assert (found.model, found.group, found.step, found.reason) == (
        "price", "housing-price", "price-Register-Gate", "rmse is 0.7",
    )  # fmt: skip
    assert (found.metrics, found.metrics_uri, found.metrics_fault) == (REPORT, ADDRESS, "")
    assert (found.champion_arn, found.champion_version, found.champion_metrics) == ("p/2", 2, {"rmse": 0.5})
    assert found.bounds == (BoundEvidence(metric="regression_metrics.rmse.value", max=0.6, higher_is_better=False),)


def test_a_bound_can_be_the_value_of_a_parameter() -> None:
    content = HOUSING.replace(b'"RightValue": 0.6', b'"RightValue": {"Get": "Parameters.Limit"}')
    assert content != HOUSING
    assert find(FULL, content=content)[0].bounds[0].max == 0.4
    assert find(FULL, content=content.replace(b"Parameters.Limit", b"Parameters.Other"))[0].bounds == ()


@pytest.mark.parametrize(
    ("far", "fault"),
    [
        (replace(FULL, broken="describe"), "PB700 describe is refused"),
        (replace(FULL, broken="list"), "PB700 list is refused"),
        (replace(FULL, knows_job=False), "nobody knows where the step 'price-Metrics' has put its report"),
        (Far(), f"nothing is at '{ADDRESS}'"),
        (Far({ADDRESS: b"no"}), f"what is at '{ADDRESS}' is no report in JSON"),
        (Far({ADDRESS: b"[" * 50 + b"]" * 50}), "PB671 the evaluation report"),
        (replace(FULL, objects={ADDRESS: b"{}"}), "nothing is at 's3://b/2.json'"),
    ],
)
def test_what_cannot_be_read_is_said(far: Far, fault: str) -> None:
    (found,) = find(far)
    assert found.metrics_fault.startswith(fault), found.metrics_fault
    assert found.reason == "rmse is 0.7"


@pytest.mark.parametrize("metadata", [{}, {"Condition": "True"}])
def test_a_gate_that_let_it_through_blocks_nothing(metadata: dict[str, str]) -> None:
    assert find(Far(broken="describe"), replace(GATE, metadata=metadata)) == ()
    assert find(Far(broken="describe"), replace(GATE, taken_from="arn/other")) == ()


def test_a_condition_of_somebody_elses_is_no_gate() -> None:
    steps = {
        "a": {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}], "IfSteps": [], "ElseSteps": []},
        "b": {"Conditions": "x", "IfSteps": [{"Name": "c", "Type": "Model", "Arguments": {}}], "ElseSteps": None},
    }
    content = json.dumps(
        {"Steps": [{"Name": n, "Type": "Condition", "Arguments": a} for n, a in steps.items()]}
    ).encode()
    assert find(Far(broken="describe"), *(replace(GATE, name=name) for name in steps), content=content) == ()
