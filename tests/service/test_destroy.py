"""Destroying a service: what goes, what stays, and that it goes on; S3 is moto's, CloudFormation our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.emptying import Buckets
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.stacks import Stacks
from pipeline_builder.errors import OutsideFailure, PlanRefused
from pipeline_builder.service.deploy import Manner, ServiceTexts, Watch, deploy
from pipeline_builder.service.destroy import Demolition, DestroyManner, destroy
from tests.service.formation import ACCOUNT, REGION, Formation, forming

BUCKET = "demo-artifacts"
STORAGE = f"""\
Resources:
  Bucket: {{Type: AWS::S3::Bucket, DeletionPolicy: Retain, Properties: {{BucketName: {BUCKET}}}}}
  Key: {{Type: AWS::KMS::Key, DeletionPolicy: Retain}}
  Alias: {{Type: AWS::KMS::Alias}}
Outputs:
  BucketName: {{Value: {BUCKET}}}
"""
SERVICE = """\
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: demo}}
  Logs: {Type: AWS::Logs::LogGroup, DeletionPolicy: Retain}
"""
TAGS = {"pipeline-builder:service": "demo"}


@dataclass
class Site:
    """A deployed service with things in its bucket."""

    formation: Formation
    aws: Aws
    stacks: Stacks
    told: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def destroy(self, *, with_data: bool = False, agree: bool = True, tell: Any = None) -> Demolition:
        @contextmanager
        def watching() -> Iterator[Watch]:
            yield lambda _: None

        manner = DestroyManner(say=self.said.append, show=lambda _: None, confirm=lambda _: agree, watching=watching)
        buckets = Buckets(self.aws, ACCOUNT, tell or self.told.append)
        return destroy("demo", BUCKET, with_data=with_data, stacks=self.stacks, buckets=buckets, manner=manner)

    def statuses(self) -> dict[str, str]:
        found = self.formation.stacks
        return {stack.name: stack.status for stack in found if stack.status != "DELETE_COMPLETE"}

    def versions(self) -> int:
        page = self.aws.client("s3").list_object_versions(Bucket=BUCKET)
        return len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ()))

    def bucket_is_there(self) -> bool:
        return any(bucket["Name"] == BUCKET for bucket in self.aws.client("s3").list_buckets()["Buckets"])


def fill(aws: Aws) -> None:
    """Make the service's bucket, with four versions of something in it."""
    place: Any = {"LocationConstraint": REGION}
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    tags: Any = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    for number in range(3):
        s3.put_object(Bucket=BUCKET, Key="watch/heads.json", Body=str(number).encode())
    s3.delete_object(Bucket=BUCKET, Key="watch/heads.json")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), forming() as (url, formation):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", url)
        aws = Aws(REGION)
        fill(aws)
        found = Site(formation, aws, Stacks(aws, clock=Clock(sleep=lambda _: None)))

        @contextmanager
        def watching(_: object) -> Iterator[Watch]:
            yield lambda _: None

        manner = Manner(say=found.said.append, show=lambda _: None, confirm=lambda _: True, watching=watching)
        deploy(ServiceTexts(name="demo", storage=STORAGE, service=SERVICE, tags=TAGS), found.stacks, manner)
        yield found


@pytest.mark.long
def test_the_service_goes_and_its_data_stays(site: Site) -> None:
    plan = site.destroy()
    assert [resource.name for resource in plan.deleted] == ["Topic"]
    assert [resource.name for resource in plan.kept] == ["Logs"]
    assert (site.statuses(), site.versions()) == ({"demo-storage": "CREATE_COMPLETE"}, 4)
    assert site.formation.stack("demo-storage").protected
    assert site.destroy().nothing


@pytest.mark.long
def test_with_data_everything_goes_but_the_key(site: Site) -> None:
    plan = site.destroy(with_data=True)
    assert (plan.bucket, [resource.name for resource in plan.storage if resource.kept]) == (BUCKET, ["Bucket", "Key"])
    assert (site.statuses(), site.bucket_is_there(), site.told) == ({}, False, [4])
    assert site.said == [f"the bucket '{BUCKET}' is deleted"]
    assert site.destroy(with_data=True).nothing


def test_without_a_yes_nothing_goes(site: Site) -> None:
    with pytest.raises(PlanRefused) as caught:
        site.destroy(with_data=True, agree=False)
    assert [problem.id for problem in caught.value.problems] == ["PB668"]
    assert (len(site.statuses()), site.versions()) == (2, 4)


@pytest.mark.long
def test_interrupted_while_emptying_it_goes_on(site: Site) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt(count)

    with pytest.raises(KeyboardInterrupt):
        site.destroy(with_data=True, tell=interrupt)
    assert site.statuses() == {"demo-storage": "CREATE_COMPLETE"}
    site.destroy(with_data=True)
    assert (site.statuses(), site.bucket_is_there()) == ({}, False)


@pytest.mark.long
def test_interrupted_after_the_stacks_the_bucket_is_still_found(site: Site) -> None:
    site.destroy(with_data=False)
    site.formation.stack("demo-storage").protected = False
    site.formation.stack("demo-storage").status = "DELETE_COMPLETE"
    plan = site.destroy(with_data=True)
    assert (plan.bucket, site.bucket_is_there()) == (BUCKET, False)


@pytest.mark.parametrize("late", [1, 9])
def test_what_a_build_still_writes_is_deleted_too(site: Site, late: int) -> None:
    """It runs on while the service goes; who never ends to write is told so."""
    s3, written = site.aws.client("s3"), list[int]()

    def write(**_: Any) -> None:
        if len(written) < late:
            s3.put_object(Bucket=BUCKET, Key="builds/cache", Body=b"x")
            written.append(1)

    s3.meta.events.register_first("before-send.s3.DeleteBucket", write)
    if late == 1:
        site.destroy(with_data=True)
        assert not site.bucket_is_there()
        return
    with pytest.raises(OutsideFailure, match="PB707 somebody else was faster than delete_bucket") as caught:
        site.destroy(with_data=True)
    assert (len(written), caught.value.problems[0].hint) == (5, "repeat the command")


@pytest.mark.long
def test_a_bucket_without_the_services_tag_is_somebody_elses(site: Site) -> None:
    site.destroy()
    site.formation.stack("demo-storage").status = "DELETE_COMPLETE"
    site.aws.client("s3").delete_bucket_tagging(Bucket=BUCKET)
    assert site.destroy(with_data=True).nothing
    assert site.bucket_is_there()


@pytest.mark.long
def test_a_stack_that_cannot_be_deleted_says_why(site: Site) -> None:
    site.formation.fails = {"Topic": "User is not authorized to perform: sns:DeleteTopic"}
    with pytest.raises(OutsideFailure) as caught:
        site.destroy()
    (problem,) = caught.value.problems
    assert problem.message == (
        "the deletion of the stack 'demo' failed: 'Topic' (AWS::SNS::Topic): User is not authorized to perform: sns:DeleteTopic"
    )
    assert "DELETE_FAILED: what was not deleted is still there" in str(problem.hint)
    site.formation.fails = {}
    site.destroy()
    assert site.statuses() == {"demo-storage": "CREATE_COMPLETE"}


@pytest.mark.long
def test_stacks_that_are_not_ours_or_are_protected(site: Site) -> None:
    site.formation.stack("demo").protected = True
    with pytest.raises(OutsideFailure) as protected:
        site.destroy()
    assert [problem.id for problem in protected.value.problems] == ["PB684"]
    site.formation.stack("demo").tags = {}
    with pytest.raises(PlanRefused) as foreign:
        site.destroy()
    assert [problem.id for problem in foreign.value.problems] == ["PB686"]
    assert len(site.statuses()) == 2


@pytest.mark.long
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "operation", ["ListStackResources", "UpdateTerminationProtection", "DeleteStack", "DescribeStackEvents"]
)
def test_somebody_else_destroys_it_at_the_same_time(site: Site, operation: str, *, whole: bool) -> None:
    """They are done by then, or have begun with what is stored."""

    def theirs(name: str, _: int) -> None:
        if name != operation:
            return
        site.formation.before = None
        for stack in site.formation.stacks if whole else [site.formation.stack("demo-storage")]:
            stack.protected = False
            site.formation.do_DeleteStack({"StackName": stack.id})
            stack.status = "DELETE_COMPLETE" if whole else stack.status
        if whole:
            Buckets(site.aws, ACCOUNT, lambda _: None).empty(BUCKET)
            site.aws.client("s3").delete_bucket(Bucket=BUCKET)

    site.formation.before = theirs
    site.destroy(with_data=True)
    assert (site.statuses(), site.bucket_is_there()) == ({}, False)
