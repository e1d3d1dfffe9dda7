"""What S3, ECR and the registry of another account say that evidence is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.images import image_digest
from pipeline_builder.aws.store import S3Store
from pipeline_builder.release.archive import keep_evidence
from pipeline_builder.release.evidence import Evidence
from pipeline_builder.target import Target
from tests.aws.mocked import REGION, mocked

IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/churn:3"
DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> object:
    with mocked(monkeypatch) as found:
        found.call("s3", "create_bucket", Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield found


def test_an_object_is_told_by_version_etag_size_checksum_and_time(aws: Aws) -> None:
    store = S3Store(aws)
    assert store.look("s3://models/model.tar.gz") is None
    aws.call("s3", "put_bucket_versioning", Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    store.put("s3://models/model.tar.gz", b"one")
    first = store.look("s3://models/model.tar.gz")
    assert first is not None
    assert (first.size, first.etag) == (3, hashlib.md5(b"one", usedforsecurity=False).hexdigest())
    assert first.version
    assert first.checksum.startswith("SHA256:")
    assert first.modified
    assert store.look("s3://models/model.tar.gz") == first
    store.put("s3://models/model.tar.gz", b"one")  # the same again is another version
    again = store.look("s3://models/model.tar.gz")
    assert again is not None
    assert (again.version != first.version, again.etag) == (True, first.etag)


def test_all_below_a_prefix_is_told_by_its_listing(aws: Aws) -> None:
    store = S3Store(aws)
    assert store.look("s3://models/model/") is None
    store.put("s3://models/model/a", b"1")
    store.put("s3://models/model/b", b"22")
    first = store.look("s3://models/model/")
    assert first is not None
    assert (first.below, first.size) == (2, 3)
    store.put("s3://models/model/c", b"")
    assert store.look("s3://models/model/") != first


def test_what_an_images_tag_stands_for(aws: Aws) -> None:
    client = boto3.client("ecr", region_name=REGION)
    aws._clients["ecr"] = client
    asked = {"registryId": "123456789012", "repositoryName": "churn", "imageIds": [{"imageTag": "3"}]}
    with Stubber(client) as stubber:
        stubber.add_response("batch_get_image", {"images": [{"imageId": {"imageDigest": DIGEST}}]}, asked)
        assert image_digest(aws, IMAGE) == DIGEST
        stubber.add_client_error("batch_get_image", "AccessDeniedException", expected_params=asked)
        assert image_digest(aws, IMAGE) == ""
        stubber.add_response("batch_get_image", {"images": []}, asked)
        assert image_digest(aws, IMAGE) == ""
    assert image_digest(aws, f"{IMAGE}@{DIGEST}") == DIGEST
    assert image_digest(aws, "example.com/tiny:1") == ""
    assert image_digest(aws, IMAGE.replace(REGION, "us-east-1")) == ""


@pytest.mark.long
def test_a_large_upload_is_told_as_well(aws: Aws, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"x" * (9 << 20))
    S3Store(aws).put("s3://models/model.tar.gz", path)
    found = S3Store(aws).look("s3://models/model.tar.gz")
    assert found is not None
    assert (found.size, found.etag[-2:]) == (9 << 20, "-2")


def test_evidence_that_is_there_is_not_written_again(aws: Aws) -> None:
    aws.call("s3", "put_bucket_versioning", Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    target = aws_target(S3Store(aws))
    evidence = Evidence(
        pipeline="tiny",
        execution="arn:e/1",
        status="Succeeded",
        definition_sha256="",
        planned_sha256="",
        fingerprint="",
    )
    for one in (evidence, evidence, evidence.model_copy(update={"status": "Failed"}), evidence):
        keep_evidence(one, target)
    found = aws.call("s3", "list_object_versions", Bucket="models")["Versions"]
    written = [version["Key"] for version in found]
    # Two contents once each, and what names the newest of them: first the one, then the other, then the one again.
    assert {key: written.count(key) for key in written} == {
        f"tiny/evidence/{evidence.sha256}.json": 1,
        f"tiny/evidence/{evidence.model_copy(update={'status': 'Failed'}).sha256}.json": 1,
        "tiny/evidence/executions/1.json": 3,
    }


def aws_target(store: S3Store) -> Target:
    nothing: Any = None
    return Target(name="aws", pipelines=nothing, store=store, registry=nothing, bucket="models")
