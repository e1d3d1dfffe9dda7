"""Why SageMaker refuses a request when its job is made, in the form and the words that are public."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.refusal import refusal_of
from tests.definition.rules.test_rules import BASES, changed


@pytest.mark.parametrize(
    ("step_type", "edits", "expected"),
    [
        ("Training", {}, ""),
        (
            "Training",
            {"StoppingCondition.MaxWaitTimeInSeconds": 7200},
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: Invalid MaxWaitTimeInSeconds. "
            "It is only supported when EnableManagedSpotTraining is set to true",
        ),
        (
            "Training",
            {"ResourceConfig.InstanceType": "ml.nope", "RoleArn": "me and my role of jobs"},
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: 2 validation errors detected: "
            "Value at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set: it "
            "is 'ml.nope', expected one of the 225 values of TrainingInstanceType; Value at 'roleArn' failed",
        ),
        (
            "Model",
            {"PrimaryContainer": None},
            "ClientError: Failed to invoke sagemaker:CreateModel. Error Details: The request has none of",
        ),
        ("Processing", {"ProcessingInputs[0].S3Input.S3InputMode": None}, ""),  # nobody has seen it refused
        ("Processing", {"Surprise": 1}, ""),  # which was refused when the pipeline was made
        # What a file of a job's gave by Std:JsonGet: a number becomes a text, and a text no number.
        ("Processing", {"Environment": {"ROWS": 5, "SHARE": 0.5, "DRY": True}}, ""),
        (
            "Processing",
            {"StoppingCondition": {"MaxRuntimeInSeconds": "soon"}},
            "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: 1 validation error detected: "
            "Value at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must be of its type: "
            "it is 'soon', expected a whole number",
        ),
        (
            "Processing",
            {"StoppingCondition": {"MaxRuntimeInSeconds": 1.5}, "NetworkConfig": {"EnableNetworkIsolation": 1}},
            "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: 2 validation errors detected",
        ),
    ],
)
def test_why_a_request_is_refused(step_type: str, edits: dict[str, Any], expected: str) -> None:
    found = refusal_of(step_type, changed(BASES[step_type], "", edits))
    assert found == expected or (expected and found.startswith(expected)), found


def test_types_without_a_request_of_their_own_are_taken() -> None:
    assert refusal_of("Condition", {"Conditions": []}) == refusal_of("Nobody", {}) == ""


def test_a_secret_is_in_no_refusal() -> None:
    """A variable's text may be a secret, and a step's reason is shown to everybody."""
    assert "hunter2" not in refusal_of(
        "Transform", changed(BASES["Transform"], "", {"Environment": {"a b": "hunter2"}})
    )


@pytest.mark.parametrize(("model", "found"), [("ModelDataSource", 1), ("ModelDataUrl", 0)])
def test_a_transform_is_checked_with_its_model(model: str, found: int) -> None:
    """Batch transform can't use ModelDataSource; the definition has the model that the transform names."""
    source = {"S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": "i", model: source if model == "ModelDataSource" else "s3://b/model.tar.gz"}
    steps: list[Any] = [
        {
            "Name": "Model",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": BASES["Model"]["ExecutionRoleArn"], "PrimaryContainer": container},
        },
        {
            "Name": "Transform",
            "Type": "Transform",
            "Arguments": {**BASES["Transform"], "ModelName": {"Get": "Steps.Model.ModelName"}},
        },
    ]
    findings = check_definition({"Version": "2020-12-01", "Steps": steps})
    assert [finding.message.split(" is a model with")[0] for finding in findings] == ["'ModelName'"] * found
