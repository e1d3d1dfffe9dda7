"""Where `serve` refuses: at CreatePipeline what AWS refuses there, and all else when the step's job is made."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.definitions import definition
from tests.serve.serving import Served, refused, serving

ROLE = "arn:aws:iam::123456789012:role/job"
PROCESS: dict[str, Any] = {
    "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": ["/bin/sh", "-c", "true"]},
    "RoleArn": ROLE,
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    "ProcessingInputs": [
        {
            "InputName": "in",
            "S3Input": {
                "S3Uri": "s3://local/in",
                "LocalPath": "/opt/ml/processing/in",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ],
}
REGISTER: dict[str, Any] = {
    "ModelPackageGroupName": "stages",
    "InferenceSpecification": {
        "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://local/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("stages")) as found:
        yield found


def step(kind: str, request: dict[str, Any], *changes: tuple[Any, ...]) -> dict[str, Any]:
    """Return a step whose request has each change: the way to a member, and its value."""
    arguments = copy.deepcopy(request)
    for *above, last, value in changes:
        holder: Any = arguments
        for part in above:
            holder = holder[part]
        holder[last] = value
    return {"Name": "Do", "Type": kind, "Arguments": arguments}


CLUSTER = ("ProcessingResources", "ClusterConfig")
INPUT = ("ProcessingInputs", 0, "S3Input")
SPECIFICATION = "InferenceSpecification"
AT_JOB = {
    "any MIME type": (
        step("RegisterModel", REGISTER, (SPECIFICATION, "SupportedResponseMIMETypes", ["*"])),
        "sagemaker:CreateModelPackage. Error Details: 1 validation error detected: Value at 'inferenceSpecification.",
    ),
    "a local address": (
        step("Processing", PROCESS, (*INPUT, "S3Uri", "/tmp/data")),
        "Value at 'processingInputs.1.member.s3Input.s3Uri' failed to satisfy constraint: Member must satisfy regular",
    ),
    "a role that is none": (step("Processing", PROCESS, ("RoleArn", "my-role-of-sagemaker")), "Value at 'roleArn'"),
    "two inputs of a name": (
        step("Processing", PROCESS, ("ProcessingInputs", [*PROCESS["ProcessingInputs"]] * 2)),
        "arrives already",
    ),
    "a volume key": (
        step("Processing", PROCESS, (*CLUSTER, "InstanceType", "ml.g5.xlarge"), (*CLUSTER, "VolumeKmsKeyId", "k")),
        "sagemaker:CreateProcessingJob. Error Details: VolumeKmsKeyId",
    ),
    "tags of a version": (
        step("RegisterModel", REGISTER, ("Tags", [{"Key": "a", "Value": "b"}])),
        "Tags are not supported in Model Package versions",
    ),
}
AT_CREATE = {
    "an unknown member": (step("Processing", PROCESS, (*INPUT, "S3Url", "s3://b")), "isn't a field of"),
    "an instance type that is none": (step("Processing", PROCESS, (*CLUSTER, "InstanceType", "ml.nope")), "'ml.nope'"),
    "a mode that is another's": (step("Processing", PROCESS, (*INPUT, "S3InputMode", "FastFile")), "'FastFile'"),
    "a number as text": (step("Processing", PROCESS, (*CLUSTER, "InstanceCount", "1")), "expected a whole number"),
    "too long an argument": (
        step("Processing", PROCESS, ("AppSpecification", "ContainerArguments", ["x" * 257])),
        "has 257 characters",
    ),
    "too many inputs": (
        step("Processing", PROCESS, ("ProcessingInputs", [*PROCESS["ProcessingInputs"]] * 11)),
        "has 11 entries",
    ),
    "what pipelines don't have": (step("RegisterModel", REGISTER, ("CertifyForMarketplace", False)), "in a pipeline"),
}


@pytest.mark.parametrize("name", AT_JOB)
def test_what_aws_takes_at_create_fails_its_step(served: Served, name: str) -> None:
    broken, words = AT_JOB[name]
    pipeline = name.replace(" ", "-")
    served.create(pipeline, definition(broken))
    arn = served.start(pipeline)
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    reason = served.steps(arn)["Do"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:Create")
    assert words in reason


@pytest.mark.parametrize("name", AT_CREATE)
def test_what_aws_refuses_at_create_is_refused_there(served: Served, name: str) -> None:
    broken, words = AT_CREATE[name]
    with refused("ValidationException", words):
        served.create("refused", definition(broken))


def test_an_enumeration_has_sixteen_values_at_most(served: Served) -> None:
    def of(count: int) -> bytes:
        values = [f"v{index}" for index in range(count)]
        return definition(
            step("Processing", PROCESS), Parameters=[{"Name": "P", "Type": "String", "EnumValues": values}]
        )

    served.create("sixteen", of(16))
    with refused("ValidationException", "has 17 entries, expected 1 to 16"):
        served.create("seventeen", of(17))


def test_what_is_no_json_is_refused(served: Served) -> None:
    with refused("ValidationException", "Unable to parse pipeline definition"):
        served.create("none", b"{")
