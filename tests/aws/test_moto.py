"""What moto has of AWS, so that the AWS target doesn't only agree with our own server: S3, KMS and the model registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.registry import SageMakerRegistry
from pipeline_builder.aws.store import S3Store
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused
from pipeline_builder.release.promote import Deciding, Decision, decide
from pipeline_builder.release.record import VerdictRecord
from pipeline_builder.release.rollback import rollback
from pipeline_builder.target import Media
from tests.aws.mocked import REGION, mocked
from tests.release.records import package, run_record

SPECIFICATION: Any = {
    "Containers": [{"Image": "i:1", "ModelDataUrl": "s3://ml-artifacts/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
APPROVE = Decision(status=ApprovalStatus.APPROVED, by="ada", comment="fine")
HASH = "0" * 64


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as found:
        place: Any = {"LocationConstraint": REGION}
        found.client("s3").create_bucket(Bucket="ml-artifacts", CreateBucketConfiguration=place)
        yield found


def register(aws: Aws, group: str, **more: Any) -> str:
    created = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification=SPECIFICATION,
        ModelApprovalStatus="PendingManualApproval",
        **more,
    )
    return str(created["ModelPackageArn"])


@pytest.mark.long
def test_objects(aws: Aws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    store = S3Store(aws, key)
    uris = [f"s3://ml-artifacts/p/code/{digit * 64}/sourcedir.tar.gz" for digit in "abc"]
    assert store.missing(uris) == tuple(uris)
    store.put(uris[0], b"code")
    assert (store.missing(uris), store.get(uris[0])) == (tuple(uris[1:]), b"code")
    head = aws.client("s3").head_object(Bucket="ml-artifacts", Key=uris[0].split("/", 3)[3], ChecksumMode="ENABLED")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], "ChecksumSHA256" in head) == ("aws:kms", key, True)
    with pytest.raises(KeyError):
        store.get(uris[1])
    with pytest.raises(KeyError):
        store.get("s3://no-such-bucket/x")


@pytest.mark.long
def test_a_large_file_is_encrypted_and_has_checksums_in_parts_too(aws: Aws, tmp_path: Path) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    asked: list[tuple[str, dict[str, Any]]] = []
    aws.client("s3").meta.events.register(
        "provide-client-params.s3", lambda params, model, **_: asked.append((model.name, dict(params)))
    )
    S3Store(aws, key).put("s3://ml-artifacts/large", tmp_path / "file")
    head = aws.client("s3").head_object(Bucket="ml-artifacts", Key="large")
    assert (head["ContentLength"], head["ServerSideEncryption"], head["SSEKMSKeyId"]) == (20 << 20, "aws:kms", key)
    sent = [(name, params) for name, params in asked if name != "HeadObject"]
    assert sorted(name for name, _ in sent) == [
        "CompleteMultipartUpload", "CreateMultipartUpload", "UploadPart", "UploadPart", "UploadPart",
    ]  # fmt: skip
    assert {params.get("ChecksumAlgorithm") for name, params in sent if name != "CompleteMultipartUpload"} == {"SHA256"}


@pytest.mark.long
def test_an_object_is_what_its_writer_says_and_never_what_its_name_says(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    store, kinds = S3Store(aws), {}
    for key, content, media in (
        ("runs/e/report.html", tmp_path / "file", Media.HTML),
        ("runs/e/run.json", b"{}", Media.JSON),
        ("templates/a.yaml", b"a", Media.YAML),
    ):
        store.put(f"s3://ml-artifacts/{key}", content, media)
        kinds[key] = aws.client("s3").head_object(Bucket="ml-artifacts", Key=key)["ContentType"]
    store.put("s3://ml-artifacts/p/code/page.html", b"<script>")
    kinds["page"] = aws.client("s3").head_object(Bucket="ml-artifacts", Key="p/code/page.html")["ContentType"]
    assert kinds == {
        "runs/e/report.html": "text/html; charset=utf-8",
        "runs/e/run.json": "application/json",
        "templates/a.yaml": "application/yaml",
        "page": "application/octet-stream",
    }


def test_a_large_file_for_a_bucket_that_is_not_there(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    with pytest.raises(InputProblems, match="PB712 the bucket 'no-such-bucket' is not there"):
        S3Store(aws).put("s3://no-such-bucket/large", tmp_path / "file")


@pytest.mark.long
def test_one_listing_tells_of_a_thousand_bundles(aws: Aws) -> None:
    store = S3Store(aws)
    uris = [f"s3://ml-artifacts/p/code/{number:064x}/sourcedir.tar.gz" for number in range(1001)]
    for uri in uris[:1000]:
        aws.client("s3").put_object(Bucket="ml-artifacts", Key=uri.split("/", 3)[3], Body=b"")
    assert store.missing(uris) == (uris[1000],)
    assert aws.calls == {"list_objects_v2": 1}


def test_new_data_at_the_same_address_has_another_fingerprint(aws: Aws) -> None:
    store = S3Store(aws)
    store.put("s3://ml-artifacts/data/a.csv", b"1")
    uris = ["s3://ml-artifacts/data/"]
    first = store.data_fingerprint(uris)
    assert store.data_fingerprint(uris) == first
    store.put("s3://ml-artifacts/data/b.csv", b"2")
    second = store.data_fingerprint(uris)
    store.put("s3://ml-artifacts/data/b.csv", b"3")
    assert len({first, second, store.data_fingerprint(uris)}) == 3


def test_groups_are_made_once_and_with_tags(aws: Aws) -> None:
    for _ in range(2):
        SageMakerRegistry(aws, {"team": "ml"}).put_group("churn", "who leaves")
    found = aws.client("sagemaker").describe_model_package_group(ModelPackageGroupName="churn")
    assert found["ModelPackageGroupDescription"] == "who leaves"
    tags = aws.client("sagemaker").list_tags(ResourceArn=found["ModelPackageGroupArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]


@pytest.mark.long
def test_packages_of_a_run_are_approved_and_again_nothing_changes(aws: Aws) -> None:
    registry = SageMakerRegistry(aws)
    registry.put_group("churn", "")
    arn = register(aws, "churn")
    record = run_record("churn", packages=(package("churn", arn=arn),), verdict=VerdictRecord(passed=True))
    (decided,) = [found.arn for found in decide(record, APPROVE, Deciding(registry=registry)).record.packages]
    done = registry.describe_package(decided)
    assert (done.status, done.approval_description.startswith("approved by ada: fine (execution ")) == (
        ApprovalStatus.APPROVED,
        True,
    )
    # What the package has already stays on SageMaker; moto puts the new properties in its place.
    assert done.metadata["decided-definition"] == record.definition_sha256
    before = dict(aws.calls)
    decide(record, APPROVE, Deciding(registry=registry))
    assert aws.calls["update_model_package"] == before["update_model_package"]


def test_one_package_that_cannot_be_approved_keeps_no_other_from_it(aws: Aws) -> None:
    registry = SageMakerRegistry(aws)
    packages = []
    for group in ("churn", "fraud"):
        registry.put_group(group, "")
        packages.append(package(group, arn=register(aws, group), version=1))
    record = run_record("churn", "fraud", packages=tuple(packages), verdict=VerdictRecord(passed=True))

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if "/churn/" in params["ModelPackageArn"]:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateModelPackage")

    events = aws.client("sagemaker").meta.events
    events.register("provide-client-params.sagemaker.UpdateModelPackage", refuse)
    failure = decide(record, APPROVE, Deciding(registry=registry)).failure
    assert isinstance(failure, OutsideFailure)
    assert [problem.id for problem in failure.problems] == ["PB435", "PB704"]
    assert failure.problems[0].message == "of 2 model packages 1 are Approved: fraud version 1"
    assert failure.problems[1].message.startswith("churn version 1: AWS refused update_model_package")
    events.unregister("provide-client-params.sagemaker.UpdateModelPackage", refuse)
    done = decide(record, APPROVE, Deciding(registry=registry)).record.packages
    assert [found.status for found in done] == ["Approved"] * 2


def test_what_was_decided_meanwhile_is_not_overwritten(aws: Aws) -> None:
    registry = SageMakerRegistry(aws)
    registry.put_group("churn", "")
    seen = registry.describe_package(register(aws, "churn"))
    theirs = registry.set_approval(seen.arn, ApprovalStatus.REJECTED, description="by bob", metadata={}, by="bob")
    with pytest.raises(
        PlanRefused, match="PB481 churn version 1 has been decided about meanwhile: it is Rejected, by bob"
    ):
        registry.set_approval(
            seen.arn, ApprovalStatus.APPROVED, description="by ada", metadata={}, by="ada", since=seen
        )
    assert registry.describe_package(seen.arn).approval_description == "by bob"

    def overtake(params: dict[str, Any], **_: Any) -> None:
        events.unregister("before-parameter-build.sagemaker.DescribeModelPackage", overtake)
        registry.set_approval(seen.arn, ApprovalStatus.APPROVED, description="by eve", metadata={}, by="eve")

    events = aws.client("sagemaker").meta.events

    def then(**_: Any) -> None:
        events.unregister("after-call.sagemaker.UpdateModelPackage", then)
        events.register("before-parameter-build.sagemaker.DescribeModelPackage", overtake)

    events.register("after-call.sagemaker.UpdateModelPackage", then)
    with pytest.raises(PlanRefused, match="it is Approved, by eve"):
        registry.set_approval(
            seen.arn, ApprovalStatus.REJECTED, description="late", metadata={}, by="ada", since=theirs
        )


def test_rollback_and_a_package_that_is_not_there(aws: Aws) -> None:
    registry = SageMakerRegistry(aws)
    registry.put_group("churn", "")
    arns = [register(aws, "churn") for _ in range(2)]
    for arn in arns:
        registry.set_approval(arn, ApprovalStatus.APPROVED, description="d", metadata={}, by="ada")
    done = rollback(
        "churn", Decision(status=ApprovalStatus.REJECTED, by="ada", comment="slow"), Deciding(registry=registry)
    )
    assert done.champion is not None
    assert (done.gone.arn, done.gone.status, done.champion.arn) == (arns[1], ApprovalStatus.REJECTED, arns[0])
    assert [found.status.value for found in registry.list_packages("churn")] == ["Rejected", "Approved"]
    with pytest.raises(InputProblems, match="there is no model package"):
        registry.describe_package(arns[0].replace("/1", "/9"))
    assert registry.list_packages("nobody") == ()


def test_a_bucket_that_is_not_there_is_said(aws: Aws) -> None:
    store, uri = S3Store(aws), "s3://nobody-has-made-it/p/code/x.tar.gz"
    for call in (lambda: store.missing([uri]), lambda: store.put(uri, b""), lambda: store.data_fingerprint([uri])):
        with pytest.raises(InputProblems, match="PB712 the bucket 'nobody-has-made-it' is not there"):
            call()
