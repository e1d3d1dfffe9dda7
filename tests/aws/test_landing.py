"""Buckets that are to tell of new data: what is said of those that don't."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.landing import find_silent
from tests.service.cloudformation.access.recorded import record

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


def test_a_bucket_that_tells_nobody_is_spoken_of() -> None:
    with mock_aws():
        boto3.client("s3", region_name=REGION).create_bucket(
            Bucket="silent", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        found = list(find_silent(Aws(REGION), {"silent": None, "gone": None}))
    assert [(problem.id, problem.warning) for problem in found] == [("PB983", True)] * 2
    assert "'silent' doesn't send its events" in found[0].message
    assert "'gone' is not there" in found[1].message


def test_one_that_tells_eventbridge_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # moto keeps nothing of it.
    record(monkeypatch, {("s3", "GetBucketNotificationConfiguration"): lambda _: {"EventBridgeConfiguration": {}}})
    assert list(find_silent(Aws(REGION), {"tells": None})) == []
