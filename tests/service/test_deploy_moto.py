"""What a deployment does with S3, STS and SNS, against moto: long templates, emptying a bucket, whose account it is.

CloudFormation is our own here (see formation.py): moto's says CREATE_COMPLETE for what it skips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.change_sets import INLINE
from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.emptying import Buckets
from pipeline_builder.aws.identity import check_caller
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.stacks import Stacks
from pipeline_builder.aws.unfinished import find_unfinished
from pipeline_builder.errors import InputProblems, OutsideFailure
from pipeline_builder.stacks.stacks import WantedStack
from tests.aws.mocked import REGION, mocked
from tests.service.formation import forming

ACCOUNT = "123456789012"
PLACE: Any = {"LocationConstraint": REGION}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as aws:
        yield aws


@pytest.mark.long
def test_a_long_template_goes_by_the_bucket_under_its_hash(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.client("s3").create_bucket(Bucket="demo-artifacts", CreateBucketConfiguration=PLACE)
    template = "Resources: {A: {Type: T}}\n# " + "ä" * (INLINE // 2) + "\n"  # it is bytes that count
    wanted = WantedStack(name="demo", template=template)
    with forming() as (url, formation):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", url)
        stacks = Stacks(aws, clock=Clock(sleep=lambda _: None))
        stacks.plan(wanted, None, "demo-artifacts")
        stacks.plan(replace(wanted, name="demo2"), None, "demo-artifacts")
        stacks.plan(WantedStack(name="other", template="Resources: {A: {Type: T}}\n"), None, "demo-artifacts")
        given = [given for name, given in formation.calls if name == "CreateChangeSet"]
    key = f"templates/{hashlib.sha256(template.encode()).hexdigest()}.yaml"
    assert [call.get("TemplateURL") for call in given] == [
        f"https://s3.{REGION}.amazonaws.com/demo-artifacts/{key}",
    ] * 2 + [None]
    assert aws.client("s3").get_object(Bucket="demo-artifacts", Key=key)["Body"].read().decode() == template
    assert aws.calls["put_object"] == 1


@pytest.mark.long
def test_every_version_of_every_object_goes(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="demo-artifacts", CreateBucketConfiguration=PLACE)
    s3.put_bucket_versioning(Bucket="demo-artifacts", VersioningConfiguration={"Status": "Enabled"})
    keys = [f"runs/{number:03}" for number in range(175)]
    for key in (*keys, *keys):
        s3.put_object(Bucket="demo-artifacts", Key=key, Body=b"x")
    for _ in range(4):  # each adds a marker to every key
        s3.delete_objects(Bucket="demo-artifacts", Delete={"Objects": [{"Key": key} for key in keys]})
    told: list[int] = []
    buckets = Buckets(aws, ACCOUNT, told.append)
    buckets.empty("demo-artifacts")
    assert told == [1000, 1050]  # 350 versions and 700 markers, in two pages
    assert "Versions" not in s3.list_object_versions(Bucket="demo-artifacts")
    buckets.empty("demo-artifacts")
    buckets.delete("demo-artifacts")
    buckets.delete("demo-artifacts")
    assert (buckets.owner("demo-artifacts"), told) == (None, [1000, 1050])


def test_whose_bucket_it_is(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="demo-artifacts", CreateBucketConfiguration=PLACE)
    buckets = Buckets(aws, ACCOUNT, lambda _: None)
    assert buckets.owner("demo-artifacts") == ""
    tags: Any = [{"Key": "team", "Value": "ml"}, {"Key": "pipeline-builder:service", "Value": "demo"}]
    s3.put_bucket_tagging(Bucket="demo-artifacts", Tagging={"TagSet": tags})
    assert buckets.owner("demo-artifacts") == "demo"


def test_what_s3_will_not_delete_is_named(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="demo-artifacts", CreateBucketConfiguration=PLACE, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="demo-artifacts", Key="kept", Body=b"x", ObjectLockLegalHoldStatus="ON")
    with pytest.raises(OutsideFailure) as caught:
        Buckets(aws, ACCOUNT, lambda _: None).empty("demo-artifacts")
    (problem,) = caught.value.problems
    assert (problem.id, "s3://demo-artifacts/kept" in problem.message) == ("PB675", True)


def test_another_account_or_region_than_it_was_rendered_for(aws: Aws) -> None:
    check_caller(aws, account=ACCOUNT, region=REGION)
    with pytest.raises(InputProblems) as caught:
        check_caller(aws, account="210987654321", region="us-east-1")
    assert [problem.id for problem in caught.value.problems] == ["PB665", "PB665"]
    assert f"of the account {ACCOUNT}" in caught.value.problems[0].message
    assert "rendered for us-east-1, and AWS is asked in eu-central-1" in caught.value.problems[1].message


CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/0a1b2c3d-0000-0000-0000-000000000000"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:demo"


PAGE = f"https://{REGION}.console.aws.amazon.com/codesuite/settings/connections?region={REGION}"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("PENDING", (f"the connection 'github' is PENDING: finish the handshake at {PAGE}",)),
        ("ERROR", (f"the connection 'github' is ERROR: look at {PAGE}",)),
        ("AVAILABLE", ()),
    ],
)
def test_a_connection_that_is_not_ready_is_said(aws: Aws, status: str, said: tuple[str, ...]) -> None:
    stubber = Stubber(aws.client("codeconnections"))  # moto has no connections
    found = {"ConnectionName": "github", "ConnectionArn": CONNECTION, "ConnectionStatus": status}
    stubber.add_response("get_connection", {"Connection": found}, {"ConnectionArn": CONNECTION})
    stubber.activate()
    assert find_unfinished(aws, connections=(CONNECTION, CONNECTION), topic="") == said


def test_addresses_that_have_not_confirmed_are_said(aws: Aws) -> None:
    stubber = Stubber(aws.client("sns"))
    common = {"Owner": ACCOUNT, "Protocol": "email", "TopicArn": TOPIC}
    listed = [
        {**common, "SubscriptionArn": "PendingConfirmation", "Endpoint": "bob@example.com"},
        {**common, "SubscriptionArn": f"{TOPIC}:1", "Endpoint": "eve@example.com"},
        {**common, "SubscriptionArn": "PendingConfirmation", "Endpoint": "ada@example.com"},
    ]
    stubber.add_response("list_subscriptions_by_topic", {"Subscriptions": listed}, {"TopicArn": TOPIC})
    stubber.activate()
    assert find_unfinished(aws, connections=(), topic=TOPIC) == (
        "confirm the e-mail subscription (AWS has sent a link): ada@example.com, bob@example.com",
    )


def test_what_may_not_be_looked_at_is_said(aws: Aws) -> None:
    for service, operation in (("codeconnections", "get_connection"), ("sns", "list_subscriptions_by_topic")):
        stubber = Stubber(aws.client(service))
        stubber.add_client_error(operation, "AccessDeniedException", "no")
        stubber.activate()
    lines = find_unfinished(aws, connections=(CONNECTION,), topic=TOPIC)
    assert [line.split(": ")[0] for line in lines] == [
        f"could not look at the connection {CONNECTION}",
        f"could not look at the subscriptions of {TOPIC}",
    ]
