"""S3's calls are done as they are meant, or refused: conditions, versions, parts, ranges, what is to be said of an object."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.serve.serving import Served, refused, serving

LONG_AGO, LONG_AFTER = datetime(1994, 10, 29, tzinfo=timezone.utc), datetime(2094, 10, 29, tzinfo=timezone.utc)
FIVE_MB = 5 << 20
KEY = {"Bucket": "bucket", "Key": "key"}
COPY = {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/key"}


@pytest.fixture(scope="module")
def module_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        found.s3.create_bucket(Bucket="bucket")
        yield found


@pytest.fixture
def served(module_served: Served) -> Served:
    """A server with an object `key`, and nothing at `copy`."""
    module_served.s3.put_object(**KEY, Body=b"hello", ContentType="text/plain", Metadata={"who": "me"})
    module_served.s3.delete_object(Bucket="bucket", Key="copy")
    return module_served


def body(served: Served, **asked: Any) -> bytes:
    content: bytes = served.s3.get_object(**{**KEY, **asked})["Body"].read()
    return content


def test_a_delete_on_condition_deletes_nothing_else(served: Served) -> None:
    with refused("PreconditionFailed", "If-Match"):
        served.s3.delete_object(**KEY, IfMatch='"another"')
    failed = served.s3.delete_objects(
        Bucket="bucket",
        Delete={"Objects": [{"Key": "key", "ETag": "another"}, {"Key": "key", "VersionId": "another"}]},
    )
    assert [error["Code"] for error in failed["Errors"]] == ["PreconditionFailed", "NoSuchVersion"]
    assert "Deleted" not in failed
    etag = served.s3.head_object(**KEY)["ETag"]
    assert served.s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "key", "ETag": etag}]})["Deleted"]
    for key in ("key", "a//b"):
        with refused("NoSuchKey"):
            served.s3.delete_object(Bucket="bucket", Key=key, IfMatch="*")
    gone = served.s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "key", "ETag": etag}]})
    assert gone["Errors"][0]["Code"] == "NoSuchKey"


@pytest.mark.parametrize(
    "condition",
    [
        {"CopySourceIfMatch": '"another"'},
        {"CopySourceIfNoneMatch": "*"},
        {"CopySourceIfModifiedSince": LONG_AFTER},
        {"CopySourceIfUnmodifiedSince": LONG_AGO},
        # One that doesn't match counts, whatever the time says.
        {"CopySourceIfNoneMatch": "*", "CopySourceIfModifiedSince": LONG_AGO},
    ],
)
def test_a_copy_takes_its_source_on_condition(served: Served, condition: dict[str, Any]) -> None:
    with refused("PreconditionFailed", "copy-source"):
        served.s3.copy_object(**COPY, **condition)
    with refused("404"):
        served.s3.head_object(Bucket="bucket", Key="copy")
    part = served.s3.create_multipart_upload(Bucket="bucket", Key="copy")["UploadId"]
    with refused("PreconditionFailed", "copy-source"):
        served.s3.upload_part_copy(**COPY, **condition, UploadId=part, PartNumber=1)


def test_a_copy_is_made_where_its_conditions_hold(served: Served) -> None:
    etag = served.s3.head_object(**KEY)["ETag"]
    served.s3.copy_object(**COPY, CopySourceIfMatch=etag, CopySourceIfUnmodifiedSince=LONG_AGO, IfNoneMatch="*")
    with refused("PreconditionFailed", "If-None-Match"):
        served.s3.copy_object(**COPY, IfNoneMatch="*")
    with refused("PreconditionFailed", "If-Match"):
        served.s3.copy_object(**COPY, IfMatch='"another"')
    served.s3.copy_object(**COPY, IfMatch=etag)
    with refused("InvalidRequest", "to itself without changing"):
        served.s3.copy_object(**KEY, CopySource="bucket/key")
    served.s3.copy_object(**KEY, CopySource="bucket/key", MetadataDirective="REPLACE", Metadata={"who": "you"})
    assert served.s3.head_object(**KEY)["Metadata"] == {"who": "you"}
    with refused("InvalidArgument", "Unknown metadata directive"):
        served.s3.copy_object(**COPY, MetadataDirective="MERGE")
    with refused("InvalidArgument", "version"):
        served.s3.copy_object(Bucket="bucket", Key="copy", CopySource={**KEY, "VersionId": "another"})
    served.s3.copy_object(Bucket="bucket", Key="copy", CopySource={**KEY, "VersionId": "null"})


def test_writing_has_the_conditions_that_s3_has(served: Served) -> None:
    with refused("NotImplemented", "If-None-Match can only be"):
        served.s3.put_object(**KEY, Body=b"", IfNoneMatch='"another"')
    with refused("NoSuchKey"):
        served.s3.put_object(Bucket="bucket", Key="copy", Body=b"", IfMatch="*")
    upload = served.s3.create_multipart_upload(**KEY)["UploadId"]
    part = served.s3.upload_part(**KEY, UploadId=upload, PartNumber=1, Body=b"new")["ETag"]
    parts = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part}]}}
    with refused("PreconditionFailed", "If-Match"):
        served.s3.complete_multipart_upload(**KEY, **parts, IfMatch='"another"')
    with refused("InvalidRequest", "does not match what was computed: 3"):
        served.s3.complete_multipart_upload(**KEY, **parts, MpuObjectSize=4)
    assert body(served) == b"hello"
    served.s3.complete_multipart_upload(**KEY, **parts, IfMatch=served.s3.head_object(**KEY)["ETag"])
    assert body(served) == b"new"


def test_reading_has_the_conditions_that_s3_has(served: Served) -> None:
    with refused("PreconditionFailed", "if-unmodified-since"):
        body(served, IfUnmodifiedSince=LONG_AGO)
    assert body(served, IfUnmodifiedSince=LONG_AGO, IfMatch=served.s3.head_object(**KEY)["ETag"]) == b"hello"
    # Of whole seconds, as the time that is told has no others.
    told = served.s3.head_object(**KEY)["LastModified"]
    assert body(served, IfUnmodifiedSince=told) == b"hello"
    served.s3.copy_object(**COPY, CopySourceIfUnmodifiedSince=told)
    with refused("PreconditionFailed", "copy-source-if-modified-since"):
        served.s3.copy_object(**COPY, CopySourceIfModifiedSince=told)
    assert body(served, VersionId="null") == b"hello"
    for call in (served.s3.get_object, served.s3.delete_object):
        with refused("InvalidArgument", "Invalid version id"):
            call(**KEY, VersionId="another")


@pytest.mark.parametrize("wanted", ["*", "W/{}", "{}, another"])
def test_reading_takes_every_form_of_a_condition_that_holds(served: Served, wanted: str) -> None:
    etag = served.s3.head_object(**KEY)["ETag"]
    assert body(served, IfMatch=wanted.format(etag)) == b"hello"
    with refused("304"):
        body(served, IfMatch=wanted.format(etag), IfNoneMatch=etag)
    with refused("304"):
        body(served, Range="bytes=0-1", IfNoneMatch=etag)
    assert body(served, Range="bytes=0-1", IfNoneMatch='"another"') == b"he"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=-2", b"lo"),
        ("bytes=-100", b"hello"),
        ("bytes=4-", b"o"),
        ("bytes=0-1,3-4", b"hello"),
        ("bytes=3-1", b"hello"),
        ("lines=1", b"hello"),
    ],
)
def test_what_is_no_range_is_the_whole_object(served: Served, asked: str, given: bytes) -> None:
    assert body(served, Range=asked) == given


def test_an_empty_object_has_no_range(served: Served) -> None:
    served.s3.put_object(**KEY, Body=b"")
    for asked in ("bytes=0-", "bytes=-5"):
        with refused("InvalidRange"):
            body(served, Range=asked)
    assert body(served, PartNumber=1) == b""


@pytest.mark.long
def test_parts_are_of_a_size_and_are_read_one_by_one(served: Served) -> None:
    upload = served.s3.create_multipart_upload(**KEY)["UploadId"]
    contents = {1: b"small", 2: bytes(FIVE_MB), 3: b"the rest"}
    etags = {
        number: served.s3.upload_part(**KEY, UploadId=upload, PartNumber=number, Body=content)["ETag"]
        for number, content in contents.items()
    }

    def complete(*numbers: int) -> None:
        parts = [{"PartNumber": number, "ETag": etags[number]} for number in numbers]
        served.s3.complete_multipart_upload(**KEY, UploadId=upload, MultipartUpload={"Parts": parts})

    with refused("EntityTooSmall"):
        complete(1, 2, 3)
    complete(2, 3)
    found = served.s3.get_object(**KEY, PartNumber=2)
    assert (found["Body"].read(), found["PartsCount"]) == (b"the rest", 2)
    assert found["ContentRange"] == f"bytes {FIVE_MB}-{FIVE_MB + 7}/{FIVE_MB + 8}"
    assert served.s3.head_object(**KEY, PartNumber=1)["ContentLength"] == FIVE_MB
    served.s3.copy_object(**COPY, MetadataDirective="REPLACE", Metadata={"who": "you"})
    assert body(served, Key="copy", PartNumber=2) == b"the rest"
    with refused("InvalidPartNumber"):
        body(served, PartNumber=3)
    with refused("InvalidRequest", "Range header and partNumber"):
        body(served, PartNumber=1, Range="bytes=0-1")
    assert not {"parts", "upload"} & set(served.s3.head_object(**KEY)["ResponseMetadata"]["HTTPHeaders"])


def test_an_upload_that_is_completed_again_is_completed(served: Served) -> None:
    upload = served.s3.create_multipart_upload(**KEY)["UploadId"]
    part = served.s3.upload_part(**KEY, UploadId=upload, PartNumber=1, Body=b"new")["ETag"]
    parts = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part}]}}
    # As a client asks whose first answer was lost, with its condition too.
    served.s3.delete_object(**KEY)
    first = served.s3.complete_multipart_upload(**KEY, **parts, IfNoneMatch="*")
    assert served.s3.complete_multipart_upload(**KEY, **parts, IfNoneMatch="*")["ETag"] == first["ETag"]
    with refused("NoSuchUpload"):
        served.s3.complete_multipart_upload(
            **KEY, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": f'"{"0" * 32}"'}]}
        )
    served.s3.put_object(**KEY, Body=b"another")
    with refused("NoSuchUpload"):
        served.s3.complete_multipart_upload(**KEY, **parts)


def test_a_presigned_address_says_of_the_object_what_its_owner_wants(served: Served) -> None:
    said = {"ResponseContentType": "text/csv", "ResponseContentDisposition": 'attachment; filename="ü.csv"'}
    address = served.s3.generate_presigned_url("get_object", Params={**KEY, **said})
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Type"] == "text/csv"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="ü.csv"'
    for hostile in ("a\r\nSet-Cookie: b", "日本"):
        with refused("InvalidArgument", "response-cache-control"):
            body(served, ResponseCacheControl=hostile)


def test_an_upload_says_how_long_it_is(served: Served) -> None:
    address = urlsplit(served.s3.generate_presigned_url("put_object", Params=KEY))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.putrequest("PUT", f"{address.path}?{address.query}")
    connection.endheaders(b"more")
    answer = connection.getresponse()
    assert (answer.status, b"MissingContentLength" in answer.read()) == (411, True)
    connection.close()
    assert body(served) == b"hello"


@pytest.mark.parametrize(
    "more",
    [
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32},
        {"WriteOffsetBytes": 5},
        {"ObjectLockMode": "COMPLIANCE"},
        {"WebsiteRedirectLocation": "/elsewhere"},
    ],
)
def test_what_would_be_lost_without_a_word_is_refused(served: Served, more: dict[str, Any]) -> None:
    with refused("NotImplemented", "A header you provided implies functionality"):
        served.s3.put_object(**KEY, Body=b"more", **more)
    assert body(served) == b"hello"


def test_another_ones_bucket_is_not_taken_for_ones_own(served: Served) -> None:
    assert body(served, ExpectedBucketOwner="000000000000") == b"hello"
    with refused("AccessDenied"):
        body(served, ExpectedBucketOwner="111111111111")
    with refused("AccessDenied"):
        served.s3.copy_object(**COPY, ExpectedSourceBucketOwner="111111111111")


@pytest.mark.parametrize("name", ["ab", "192.168.1.1", "ends-", "two..dots", "xn--name", "name-s3alias", "a" * 64])
def test_a_bucket_has_a_name_that_s3_has(served: Served, name: str) -> None:
    with refused("InvalidBucketName"):
        served.s3.create_bucket(Bucket=name)


def test_a_listing_says_what_it_was_asked(served: Served) -> None:
    listed = served.s3.list_objects_v2(Bucket="bucket", StartAfter="a b", Delimiter="", FetchOwner=True)
    assert (listed["StartAfter"], "Delimiter" in listed) == ("a b", False)
    assert listed["Contents"][0]["Owner"]["ID"]
    assert "Owner" not in served.s3.list_objects_v2(Bucket="bucket")["Contents"][0]
    with refused("InvalidArgument", "Invalid Encoding Method"):
        served.s3.list_objects_v2(Bucket="bucket", EncodingType="base64")
    with refused("InvalidDigest"):
        served.s3.put_object(**KEY, Body=b"", ContentMD5="none")


def test_a_client_that_signs_for_a_region_of_no_name_is_answered(served: Served, tmp_path: Path) -> None:
    client = served.client("s3", region_name="US")
    assert client.list_buckets()["Buckets"]
