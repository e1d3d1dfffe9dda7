"""Copies of model packages in another account; both accounts are moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.copying import account_of, copy_package
from pipeline_builder.errors import PlanRefused
from tests.aws.mocked import REGION, mocked

ROLE = "arn:aws:iam::222222222222:role/promote"
SPECIFICATION: Any = {
    "Containers": [{"Image": "i:1", "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as aws:
        yield aws


@pytest.mark.long
def test_a_copy_that_is_another_by_now_is_refused(aws: Aws) -> None:
    """Somebody in the other account has registered something else under the words of a copy."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="churn", InferenceSpecification=SPECIFICATION, ModelApprovalStatus="Approved"
    )["ModelPackageArn"]
    there = account_of(aws, ROLE, REGION)
    there.call("sagemaker", "create_model_package_group", ModelPackageGroupName="churn")
    theirs = {**SPECIFICATION, "Containers": [{"Image": "i:1", "ModelDataUrl": "s3://theirs/model.tar.gz"}]}
    there.call(
        "sagemaker", "create_model_package", ModelPackageGroupName="churn", ModelPackageDescription=f"copy of {arn}",
        InferenceSpecification=theirs,
    )  # fmt: skip
    with pytest.raises(PlanRefused, match="PB466"):
        copy_package(aws, arn, ROLE, region=REGION)


def test_copied_once(aws: Aws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        InferenceSpecification=SPECIFICATION,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"commit-churn": "abc"},
    )["ModelPackageArn"]
    copy = copy_package(aws, arn, ROLE, region=REGION)
    assert copy_package(aws, arn, ROLE, region=REGION) == copy
    given = boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    there = boto3.client(
        "sagemaker",
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    found = there.describe_model_package(ModelPackageName=copy)
    assert (":222222222222:" in copy, found["ModelApprovalStatus"]) == (True, "Approved")
    assert found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://b/model.tar.gz"
    assert found["CustomerMetadataProperties"] == {"commit-churn": "abc", "copied-from": arn}
    assert len(there.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"]) == 1
    assert len(sagemaker.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"]) == 1
