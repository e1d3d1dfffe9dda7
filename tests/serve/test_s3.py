"""S3's calls by boto3 over HTTP on the object store: as boto3 and the SDK make them around SageMaker's."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from pipeline_builder.engine.state.digests import unchanged
from pipeline_builder.target import Media
from tests.serve.serving import Served, refused, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.csv").write_text("1\n2\n")
    with serving(tmp_path, mounted=tmp_path / "data") as found:
        found.s3.create_bucket(Bucket="bucket")
        yield found


def put(served: Served, *keys: str) -> None:
    for key in keys:
        served.s3.put_object(Bucket="bucket", Key=key, Body=key.encode())


def keys(page: dict[str, Any]) -> list[str]:
    return [item["Key"] for item in page.get("Contents", [])]


def test_an_object_is_what_was_put(served: Served) -> None:
    body = bytes(range(256)) * 4
    etag = served.s3.put_object(
        Bucket="bucket", Key="a/b c+d/é.bin", Body=body, ContentType="text/x", Metadata={"who": "me"}
    )["ETag"]
    assert etag == f'"{hashlib.md5(body).hexdigest()}"'
    found = served.s3.get_object(Bucket="bucket", Key="a/b c+d/é.bin")
    assert found["Body"].read() == body
    head = served.s3.head_object(Bucket="bucket", Key="a/b c+d/é.bin")
    for answer in (found, head):
        assert (answer["ContentLength"], answer["ETag"], answer["ContentType"]) == (1024, etag, "text/x")
        assert answer["Metadata"] == {"who": "me"}
    assert served.engine.store.get("s3://bucket/a/b c+d/é.bin") == body


def test_a_range_and_conditions(served: Served) -> None:
    put(served, "key")
    part = served.s3.get_object(Bucket="bucket", Key="key", Range="bytes=1-1")
    assert (part["Body"].read(), part["ContentRange"]) == (b"e", "bytes 1-1/3")
    etag = part["ETag"]
    with refused("PreconditionFailed"):
        served.s3.put_object(Bucket="bucket", Key="key", Body=b"", IfNoneMatch="*")
    with refused("PreconditionFailed"):
        served.s3.put_object(Bucket="bucket", Key="key", Body=b"", IfMatch='"none"')
    with refused("304"):
        served.s3.get_object(Bucket="bucket", Key="key", IfNoneMatch=etag)
    with refused("InvalidRange"):
        served.s3.get_object(Bucket="bucket", Key="key", Range="bytes=9-10")
    served.s3.put_object(Bucket="bucket", Key="key", Body=b"new", IfMatch=etag)
    assert served.s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"new"


def test_only_one_of_many_makes_a_new_object(served: Served) -> None:
    def attempt(number: int) -> bool:
        try:
            served.s3.put_object(Bucket="bucket", Key="once", Body=str(number).encode(), IfNoneMatch="*")
        except served.s3.exceptions.ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32"])
def test_a_checksum_is_verified_and_kept(served: Served, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    done = served.s3.put_object(Bucket="bucket", Key="key", Body=b"content", ChecksumAlgorithm=algorithm)
    found = served.s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")
    assert found[member] == done[member]
    with refused("BadDigest"):
        served.s3.put_object(Bucket="bucket", Key="key", Body=b"other", **{member: done[member]})
    assert served.s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"


@pytest.mark.long
def test_a_large_file_goes_up_and_comes_down_in_parts(served: Served, tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (1 << 20)
    (tmp_path / "large").write_bytes(content)
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=3)
    served.s3.upload_file(str(tmp_path / "large"), "bucket", "large", Config=config)
    assert served.s3.head_object(Bucket="bucket", Key="large")["ETag"].endswith('-4"')
    served.s3.download_file("bucket", "large", str(tmp_path / "back"), Config=config)
    assert (tmp_path / "back").read_bytes() == content
    assert keys(served.s3.list_objects_v2(Bucket="bucket")) == ["large"]


def test_what_a_job_wrote_is_not_read_for_its_etag(served: Served) -> None:
    content = b"job" * 1000
    served.engine.store.put("s3://bucket/model.tar.gz", content)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}-1"'  # with a '-', as of parts: nobody takes it for an MD5
    assert served.s3.head_object(Bucket="bucket", Key="model.tar.gz")["ETag"] == etag
    assert served.s3.list_objects_v2(Bucket="bucket")["Contents"][0]["ETag"] == etag
    with refused("304"):
        served.s3.get_object(Bucket="bucket", Key="model.tar.gz", IfNoneMatch=etag)


def test_a_document_of_ours_says_what_it_is_until_a_job_writes_over_it(served: Served) -> None:
    store, uri, page = served.engine.store, "s3://bucket/report.html", b"<p>ours"
    store.put(uri, page, Media.HTML)
    first = served.s3.get_object(Bucket="bucket", Key="report.html")
    etag = f'"{hashlib.sha256(page).hexdigest()[:32]}-1"'  # as without a type: nothing that was cached is stale
    assert (first["ContentType"], first["ETag"]) == ("text/html; charset=utf-8", etag)
    with store.writing(uri) as file:  # as a job's output comes there
        file.write(b"<script>")
    assert served.s3.head_object(Bucket="bucket", Key="report.html")["ContentType"] == "binary/octet-stream"
    store.put(uri, page, Media.HTML)
    store.put(uri, page)
    assert served.s3.head_object(Bucket="bucket", Key="report.html")["ContentType"] == "binary/octet-stream"


def test_what_was_uploaded_is_not_read_for_its_digest(served: Served) -> None:
    served.s3.put_object(Bucket="bucket", Key="one", Body=b"one")
    served.s3.copy_object(Bucket="bucket", Key="two", CopySource="bucket/one")
    upload = served.s3.create_multipart_upload(Bucket="bucket", Key="three")["UploadId"]
    which = {"Bucket": "bucket", "Key": "three", "UploadId": upload}
    part = served.s3.upload_part_copy(**which, PartNumber=1, CopySource="bucket/one", CopySourceRange="bytes=1-2")
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    served.s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts})
    for key, content in (("one", b"one"), ("two", b"one"), ("three", b"ne")):
        path = served.engine.store.find(f"s3://bucket/{key}")
        assert path is not None
        known = served.engine.state.known_digest(str(path), unchanged(path.stat()))
        assert known == hashlib.sha256(content).hexdigest()


def test_parts_are_an_object_only_when_complete(served: Served) -> None:
    upload = served.s3.create_multipart_upload(Bucket="bucket", Key="key")["UploadId"]
    which = {"Bucket": "bucket", "Key": "key", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": served.s3.upload_part(**which, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, bytes(5 << 20)), (2, b"two"))
    ]
    with refused("404"):
        served.s3.head_object(Bucket="bucket", Key="key")
    with refused("InvalidPart"):
        served.s3.complete_multipart_upload(
            **which, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]}
        )
    with refused("InvalidPartOrder"):
        served.s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts[::-1]})
    served.s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts})
    assert served.s3.get_object(Bucket="bucket", Key="key")["Body"].read() == bytes(5 << 20) + b"two"
    with refused("NoSuchUpload"):
        served.s3.upload_part(**which, PartNumber=1, Body=b"")
    other = served.s3.create_multipart_upload(Bucket="bucket", Key="other")["UploadId"]
    served.s3.abort_multipart_upload(Bucket="bucket", Key="other", UploadId=other)
    with refused("NoSuchUpload"):
        served.s3.abort_multipart_upload(Bucket="bucket", Key="other", UploadId=other)
    with refused("NoSuchUpload"):
        served.s3.abort_multipart_upload(Bucket="bucket", Key="other", UploadId="../../../etc")


@pytest.mark.long
def test_keys_are_listed_in_order_with_prefixes_and_pages(served: Served) -> None:
    put(served, "b/2", "b/1", "a", "b-", "c/x/1", "c/x/2", "d é&<")
    listed = served.s3.list_objects_v2(Bucket="bucket")
    assert keys(listed) == ["a", "b-", "b/1", "b/2", "c/x/1", "c/x/2", "d é&<"]
    assert listed["KeyCount"] == 7
    assert keys(served.s3.list_objects_v2(Bucket="bucket", Prefix="b/")) == ["b/1", "b/2"]
    top = served.s3.list_objects_v2(Bucket="bucket", Delimiter="/")
    assert keys(top) == ["a", "b-", "d é&<"]
    assert [item["Prefix"] for item in top["CommonPrefixes"]] == ["b/", "c/"]
    for operation in ("list_objects_v2", "list_objects"):
        pages = served.s3.get_paginator(operation).paginate(Bucket="bucket", PaginationConfig={"PageSize": 3})
        assert [keys(page) for page in pages] == [["a", "b-", "b/1"], ["b/2", "c/x/1", "c/x/2"], ["d é&<"]]
    assert keys(served.s3.list_objects_v2(Bucket="bucket", StartAfter="c/x/1")) == ["c/x/2", "d é&<"]
    assert served.s3.list_objects_v2(Bucket="bucket", Prefix="none")["KeyCount"] == 0


def test_objects_are_copied_and_deleted(served: Served) -> None:
    put(served, "a/1", "a/2", "b")
    served.s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "a/1"})
    assert served.s3.get_object(Bucket="bucket", Key="copy")["Body"].read() == b"a/1"
    for _ in range(2):
        served.s3.delete_object(Bucket="bucket", Key="b")
    gone = served.s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "a/1"}, {"Key": "none"}]})
    assert {item["Key"] for item in gone["Deleted"]} == {"a/1", "none"}
    assert keys(served.s3.list_objects_v2(Bucket="bucket")) == ["a/2", "copy"]


def test_buckets(served: Served) -> None:
    served.s3.create_bucket(Bucket="another")
    assert [bucket["Name"] for bucket in served.s3.list_buckets()["Buckets"]] == ["another", "bucket", "mounted"]
    served.s3.head_bucket(Bucket="another")
    assert served.s3.get_bucket_location(Bucket="another").get("LocationConstraint") is None
    put(served, "key")
    with refused("BucketNotEmpty"):
        served.s3.delete_bucket(Bucket="bucket")
    served.s3.delete_bucket(Bucket="another")
    with refused("404"):
        served.s3.head_bucket(Bucket="another")
    with refused("NoSuchBucket"):
        served.s3.list_objects_v2(Bucket="another")
    with refused("NoSuchBucket"):
        served.s3.put_object(Bucket="another", Key="key", Body=b"")
    with refused("NoSuchBucket"):
        served.s3.list_objects_v2(Bucket=".uploads.")


def test_the_bucket_that_the_sdk_takes_by_default_is_there(served: Served) -> None:
    name = "sagemaker-us-west-2-000000000000"
    assert served.s3.list_objects_v2(Bucket=name, Prefix="prefix")["KeyCount"] == 0
    served.s3.head_bucket(Bucket=name)
    for other in ("sagemaker-us-west-2-123456789012", "sagemaker-000000000000", "sagemaker-a.b-000000000000"):
        with refused("404"):
            served.s3.head_bucket(Bucket=other)


def test_a_mounted_folder_is_only_read(served: Served, tmp_path: Path) -> None:
    assert served.s3.get_object(Bucket="mounted", Key="numbers.csv")["Body"].read() == b"1\n2\n"
    assert keys(served.s3.list_objects_v2(Bucket="mounted")) == ["numbers.csv"]
    with refused("AccessDenied"):
        served.s3.delete_object(Bucket="mounted", Key="numbers.csv")
    served.s3.put_object(Bucket="mounted", Key="numbers.csv", Body=b"3\n")
    assert served.s3.get_object(Bucket="mounted", Key="numbers.csv")["Body"].read() == b"3\n"
    assert (tmp_path / "data" / "numbers.csv").read_text() == "1\n2\n"


def test_what_is_not_there_and_what_cannot_be(served: Served, tmp_path: Path) -> None:
    put(served, "file")
    with refused("NoSuchKey"):
        served.s3.get_object(Bucket="bucket", Key="none")
    with refused("404"):
        served.s3.head_object(Bucket="bucket", Key="none")
    for key in ("../escaped", "a/../../../escaped", "a//b", "folder//", "file/below", "k" * 256):
        with refused("KeyTooLongError" if key[:1] == "k" else "InvalidArgument"):
            served.s3.put_object(Bucket="bucket", Key=key, Body=b"")
    with refused("NotImplemented", "GET of an object?acl is not served"):
        served.s3.get_object_acl(Bucket="bucket", Key="file")
    with refused("NotImplemented", "versioning"):
        served.s3.get_bucket_versioning(Bucket="bucket")
    assert not list(tmp_path.rglob("escaped"))


def test_each_object_is_the_only_version_of_itself_and_a_bucket_is_emptied_by_them(served: Served) -> None:
    for number in range(3):
        put(served, f"folder/{number}")
    first = served.s3.list_object_versions(Bucket="bucket", MaxKeys=2, Prefix="folder/")
    assert [(one["Key"], one["VersionId"], one["IsLatest"]) for one in first["Versions"]] == [
        ("folder/0", "null", True), ("folder/1", "null", True)
    ]  # fmt: skip
    assert (first["IsTruncated"], first["NextKeyMarker"]) == (True, "folder/1")
    rest = served.s3.list_object_versions(Bucket="bucket", KeyMarker="folder/1", VersionIdMarker="null")
    assert [one["Key"] for one in rest["Versions"]] == ["folder/2"]
    pages = served.s3.get_paginator("list_object_versions").paginate(Bucket="bucket")
    found = [{"Key": one["Key"], "VersionId": one["VersionId"]} for page in pages for one in page["Versions"]]
    served.s3.delete_objects(Bucket="bucket", Delete={"Objects": found})
    assert "Versions" not in served.s3.list_object_versions(Bucket="bucket")
    with refused("NoSuchTagSet"):
        served.s3.get_bucket_tagging(Bucket="bucket")
    with refused("NoSuchBucket"):
        served.s3.list_object_versions(Bucket="none")


def test_a_presigned_address_gives_the_object(served: Served) -> None:
    put(served, "key")
    address = served.s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"key"


@pytest.mark.long
def test_readers_see_an_old_object_or_a_new_one(served: Served) -> None:
    bodies = [bytes([number]) * 300_000 for number in range(4)]
    served.s3.put_object(Bucket="bucket", Key="key", Body=bodies[0])

    def write(number: int) -> None:
        served.s3.put_object(Bucket="bucket", Key="key", Body=bodies[number % 4])

    def read(_: int) -> bytes:
        return bytes(served.s3.get_object(Bucket="bucket", Key="key")["Body"].read())

    with ThreadPoolExecutor(8) as pool:
        written = pool.map(write, range(16))
        seen = list(pool.map(read, range(16)))
        list(written)
    assert all(content in bodies for content in seen)


def test_a_folder_marker_is_an_object(served: Served) -> None:
    """As the consoles of S3 make folders: a key that ends with `/`."""
    served.s3.put_object(Bucket="bucket", Key="folder/", Body=b"")
    served.s3.put_object(Bucket="bucket", Key="folder/x", Body=b"1")
    assert served.s3.head_object(Bucket="bucket", Key="folder/")["ContentLength"] == 0
    found = served.s3.list_objects_v2(Bucket="bucket", Prefix="folder")
    assert [item["Key"] for item in found["Contents"]] == ["folder/", "folder/x"]
    grouped = served.s3.list_objects_v2(Bucket="bucket", Delimiter="/")
    assert {"Prefix": "folder/"} in grouped["CommonPrefixes"]
    served.s3.delete_object(Bucket="bucket", Key="folder/x")
    assert [item["Key"] for item in served.s3.list_objects_v2(Bucket="bucket", Prefix="folder")["Contents"]] == [
        "folder/"
    ]
    served.s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "folder/"}]})
    assert "Contents" not in served.s3.list_objects_v2(Bucket="bucket", Prefix="folder")
