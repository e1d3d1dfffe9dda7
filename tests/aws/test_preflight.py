"""Preflight. STS, IAM, S3 and KMS are moto's; ECR's images and the quotas are botocore's Stubber, which moto lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.aws.preflight import Needs, needs_of, preflight
from pipeline_builder.errors import OutsideFailure
from tests.engine.definitions import definition, script, training

REGION = "eu-central-1"
IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/train:2"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
TRUST = {"Effect": "Allow", "Principal": {"Service": ["sagemaker.amazonaws.com"]}, "Action": "sts:AssumeRole"}
INSTANCES = {"ml.m5.large for processing job usage": 2}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_EC2_METADATA_DISABLED": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Aws(REGION)


def make_account(*, trust: Any = TRUST, region: str = REGION) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    boto3.client("iam").create_role(RoleName="sagemaker", AssumeRolePolicyDocument=policy)
    bucket: Any = {"LocationConstraint": region}
    boto3.client("s3", region_name=region).create_bucket(Bucket="ml-artifacts", CreateBucketConfiguration=bucket)


def needs(**more: Any) -> Needs:
    return Needs(**{"role": ROLE, "bucket": "ml-artifacts", "region": REGION, **more})


def ids(aws: Aws, wanted: Needs) -> list[str]:
    return [f"{problem.id}{'?' if problem.warning else ''}" for problem in preflight(aws, wanted)]


def test_what_a_definition_needs() -> None:
    found = needs_of(definition(script("a", "true"), script("b", "true")), role="r", bucket="b", region="x", kms_key="")
    assert found.images == {"image:1"}
    assert found.instances == {"ml.m5.large for processing job usage": 1}


def test_images_that_only_a_model_package_names_are_looked_at_too(aws: Aws) -> None:
    make_account()
    settings = AwsSettings(region=REGION, role=ROLE, bucket="ml-artifacts")
    elsewhere = IMAGE.replace(REGION, "us-west-2")
    found = open_aws_target(settings, aws=aws).preflight(definition(), [elsewhere])
    assert [f"{one.id} {one.message}" for one in found if elsewhere in one.message] == [
        f"PB715 the image '{elsewhere}' is in us-west-2, and the pipeline runs in {REGION}"
    ]


def test_spot_machines_warm_pools_and_groups_have_quotas_of_their_own(aws: Aws) -> None:
    def wanted(**more: Any) -> Needs:
        content = definition(training("a", "", **more))
        return needs_of(content, role=ROLE, bucket="ml-artifacts", region=REGION, kms_key="")

    groups = [{"InstanceGroupName": n, "InstanceType": f"ml.{n}.large", "InstanceCount": 2} for n in ("c5", "m5")]
    found = wanted(EnableManagedSpotTraining=True, ResourceConfig={"InstanceGroups": groups})
    assert found.instances == dict.fromkeys([f"ml.{n}.large for spot training job usage" for n in ("c5", "m5")], 2)
    own = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    pool = wanted(ResourceConfig={**own, "KeepAlivePeriodInSeconds": 60})
    assert (pool.instances, pool.pools) == (
        {"ml.m5.large for training job usage": 2},
        {"ml.m5.large for training warm pool usage": 2},
    )
    assert wanted(ResourceConfig={**own, "KeepAlivePeriodInSeconds": 0}).pools == {}
    make_account()
    with Stubber(aws.client("service-quotas")) as quotas:
        quota = {"QuotaName": "ml.m5.large for training warm pool usage", "Value": 0.0}
        quotas.add_response("list_service_quotas", {"Quotas": [quota]}, {"ServiceCode": "sagemaker"})
        (problem,) = [one for one in preflight(aws, pool) if one.id == "PB716"]
    assert (problem.warning, problem.message) == (
        True,
        "the quota 'ml.m5.large for training warm pool usage' is 0, and a job wants 2 to stay: SageMaker keeps none",
    )


def test_all_is_well(aws: Aws) -> None:
    make_account()
    key = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]
    assert ids(aws, needs(kms_key=key)) == []


def test_roles_of_jobs_are_looked_at_too(aws: Aws) -> None:
    make_account()
    own = ROLE.replace("sagemaker", "models-churn")
    content = json.loads(definition(script("a", "true")))
    content["Steps"][0]["Arguments"]["RoleArn"] = own
    found = needs_of(json.dumps(content).encode(), role=ROLE, bucket="ml-artifacts", region=REGION, kms_key="")
    assert found.job_roles == {own}
    (problem,) = [problem for problem in preflight(aws, needs(job_roles=found.job_roles)) if problem.id == "PB710"]
    assert problem.message == f"the role '{own}' is not there"
    assert str(problem.hint).startswith("'pipeline-builder deploy' makes the roles of repositories")
    assert ids(aws, needs(job_roles=frozenset({ROLE}))) == []


@pytest.mark.long
def test_every_finding_at_once(aws: Aws) -> None:
    make_account(trust={**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}, region="eu-west-1")
    kms = boto3.client("kms", region_name=REGION)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    images = frozenset({"docker.io/x:1", IMAGE.replace(REGION, "us-east-1")})
    found = preflight(aws, needs(kms_key=key, images=images))
    assert [problem.id for problem in found] == ["PB711", "PB713", "PB714", "PB715", "PB715"]
    assert found[1].message == "the bucket 'ml-artifacts' is in eu-west-1, and the pipeline runs in eu-central-1"
    assert "is Disabled for ENCRYPT_DECRYPT" in found[2].message


def test_nothing_is_there(aws: Aws) -> None:
    assert ids(aws, needs(kms_key="alias/none")) == ["PB710", "PB712", "PB714"]


def test_images_and_quotas(aws: Aws) -> None:
    make_account()
    with Stubber(aws.client("ecr")) as ecr, Stubber(aws.client("service-quotas")) as quotas:
        wanted = {"registryId": "123456789012", "repositoryName": "train", "imageIds": [{"imageTag": "2"}]}
        ecr.add_client_error("describe_images", "ImageNotFoundException", expected_params=wanted)
        quota = {"QuotaName": "ml.m5.large for processing job usage", "Value": 1.0}
        quotas.add_response("list_service_quotas", {"Quotas": [quota]}, {"ServiceCode": "sagemaker"})
        found = preflight(aws, needs(images=frozenset({IMAGE}), instances=INSTANCES))
    assert [problem.id for problem in found] == ["PB715", "PB716"]
    assert found[1].message == (
        "the quota 'ml.m5.large for processing job usage' is 1, and a job of the pipeline takes 2"
    )


def test_what_may_not_be_looked_at_is_a_warning(aws: Aws) -> None:
    make_account()
    with Stubber(aws.client("ecr")) as ecr, Stubber(aws.client("service-quotas")) as quotas:
        ecr.add_client_error("describe_images", "AccessDeniedException")
        quotas.add_client_error("list_service_quotas", "AccessDeniedException")
        assert ids(aws, needs(images=frozenset({IMAGE}), instances=INSTANCES)) == ["PB704?", "PB704?"]


def test_without_credentials_nothing_else_is_asked(aws: Aws) -> None:
    with Stubber(aws.client("sts")) as sts:
        sts.add_client_error("get_caller_identity", "ExpiredToken", "The security token is expired")
        with pytest.raises(OutsideFailure) as caught:
            preflight(aws, needs())
    assert [problem.id for problem in caught.value.problems] == ["PB701"]
    assert "aws sso login" in str(caught.value.problems[0].hint)


@pytest.mark.long
def test_functions_that_are_not_deployed(aws: Aws) -> None:
    make_account()
    own, far = (f"arn:aws:lambda:{region}:123456789012:function:ask" for region in (REGION, "us-east-1"))
    steps = [
        {"Name": name, "Type": "Lambda", "FunctionArn": arn, "Arguments": {}, "OutputParameters": []}
        for name, arn in (("A", own), ("B", far))
    ]
    found = needs_of(definition(*steps), role=ROLE, bucket="ml-artifacts", region=REGION, kms_key="")
    assert found.functions == {own}
    assert ids(aws, needs(functions=found.functions)) == ["PB874"]
    with Stubber(aws.client("lambda")) as functions:
        functions.add_client_error("get_function_configuration", "UnknownOperationException", "not served")
        assert ids(aws, needs(functions=found.functions)) == []
