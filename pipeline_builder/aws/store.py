"""Objects in S3: content-addressed, so that one that is there is never written again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError, translated
from pipeline_builder.descriptions import StoredObject
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import Readable, copy, read_small, replacing
from pipeline_builder.target import Media

_CHECKSUMS = ("ChecksumSHA256", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumCRC32C", "ChecksumCRC32")
"""Those that S3 may say of an object, the strongest first."""


class S3Store:
    """Objects under `s3://bucket/key`, encrypted with the key where one is given."""

    def __init__(self, aws: Aws, kms_key: str = "") -> None:
        self._aws = aws
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    def missing(self, uris: Iterable[str]) -> tuple[str, ...]:
        """Return those of the URIs that no object has: one listing for a thousand objects, whatever their number."""
        wanted = tuple(uris)
        there = self.stamps(wanted)
        return tuple(uri for uri in wanted if uri not in there)

    def stamps(self, uris: Iterable[str]) -> dict[str, str]:
        """Return ETag, size and time of each of the objects that are there."""
        wanted = {*uris}
        folders = dict.fromkeys(_folder(uri) for uri in sorted(wanted))
        found = ((f"s3://{bucket}/{item['Key']}", item) for bucket, key in folders for item in self._items(bucket, key))
        return {uri: _stamp(item) for uri, item in found if uri in wanted}

    def entries(self, prefix: str) -> dict[str, str]:
        """Return ETag, size and time of each object whose address begins with the prefix."""
        bucket, _, key = prefix.removeprefix("s3://").partition("/")
        if not prefix.startswith("s3://") or not bucket:
            split(prefix)  # which says what is wrong with it
        return {f"s3://{bucket}/{item['Key']}": _stamp(item) for item in self._items(bucket, key)}

    def _items(self, bucket: str, prefix: str) -> Iterator[Mapping[str, Any]]:
        try:
            for page in self._aws.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix):
                yield from page.get("Contents", ())
        except NotFoundError as error:
            raise _no_bucket(bucket) from error

    def data_fingerprint(self, uris: Iterable[str]) -> str:
        """Return the sha256 of the listings: key, size and ETag of every object, which is all that S3 says of it."""
        found = [
            [uri, sorted((item["Key"], item["Size"], item["ETag"]) for item in self._items(*split(uri)))]
            for uri in uris
        ]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def look(self, uri: str) -> StoredObject | None:
        """Return what S3 says of an object: version, ETag, checksum, and when it was written; None of one that is gone.

        A time of writing can't be chosen by who writes: without versions it tells what was put in an object's place.
        """
        bucket, key = split(uri)
        if key.endswith("/"):
            return self._look_below(bucket, key)
        try:
            found = self._aws.call("s3", "head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except NotFoundError:
            return None
        sums = (f"{name.removeprefix('Checksum')}:{found[name]}" for name in _CHECKSUMS if found.get(name))
        return StoredObject(
            size=found["ContentLength"],
            etag=found.get("ETag", "").strip('"'),
            version=found.get("VersionId", ""),
            checksum=next(sums, ""),
            modified=found["LastModified"].isoformat(),
        )

    def _look_below(self, bucket: str, prefix: str) -> StoredObject | None:
        found = sorted(
            (item["Key"], item["Size"], item["ETag"], item["LastModified"].isoformat())
            for item in self._items(bucket, prefix)
        )
        listing = hashlib.sha256(json.dumps(found).encode()).hexdigest()
        size = sum(item[1] for item in found)
        return StoredObject(size=size, sha256=listing, below=len(found)) if found else None

    def put(self, uri: str, content: bytes | Path, media: Media = Media.BYTES) -> None:
        """Write an object, which S3 takes whole or not at all, with a checksum that S3 verifies.

        A large file goes in parts, several at once.
        """
        bucket, key = split(uri)
        options = {"ChecksumAlgorithm": "SHA256", "ContentType": media.value, **self._encryption}
        try:
            if isinstance(content, bytes):
                self._aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=content, **options)
            else:
                self._aws.upload(content, bucket, key, options)
        except NotFoundError as error:
            raise _no_bucket(bucket) from error

    def get(self, uri: str) -> bytes:
        """Return the content of a small object; KeyError where there is none, InputProblems (PB529) of a large one."""
        with self._opened(uri) as body:
            return read_small(body, uri)

    def read(self, uri: str) -> tuple[bytes, str] | None:
        """Return the content of a small object and its ETag; None where there is none."""
        bucket, key = split(uri)
        try:
            found = self._aws.call("s3", "get_object", Bucket=bucket, Key=key)
        except NotFoundError:
            return None
        with closing(found["Body"]) as body, translated("s3", "get_object"):
            return read_small(body, uri), str(found["ETag"])

    def put_if(self, uri: str, content: bytes, media: Media = Media.BYTES, *, mark: str) -> bool:
        """Write an object if the one that is there has this ETag, or if there is none; tell whether it was written."""
        bucket, key = split(uri)
        condition = {"IfMatch": mark} if mark else {"IfNoneMatch": "*"}
        options = {"ChecksumAlgorithm": "SHA256", "ContentType": media.value, **self._encryption, **condition}
        try:
            self._aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=content, **options)
        except ChangedError:
            return False
        except NotFoundError as error:
            if mark:  # S3 says so of a condition on an object that is gone
                return False
            raise _no_bucket(bucket) from error
        return True

    def fetch(self, uri: str, path: Path) -> None:
        """Write an object's content, of any size, to a file; KeyError where there is none."""
        with self._opened(uri) as body, replacing(path) as file:
            copy(body, file)

    @contextmanager
    def reading(self, uri: str) -> Iterator[Readable]:
        """Open an object to be read in parts; KeyError where there is none."""
        with self._opened(uri) as body:
            yield body

    def copy(self, source: str, to: str) -> StoredObject:
        """Let S3 copy an object, with neither its tags nor what it says of itself; KeyError where there is none."""
        options = {
            "MetadataDirective": "REPLACE", "ContentType": Media.BYTES.value, "TaggingDirective": "REPLACE",
            "ChecksumAlgorithm": "SHA256", **self._encryption,
        }  # fmt: skip
        try:
            self._aws.copy(split(source), split(to), options)
        except NotFoundError as error:
            if self.look(source) is None:
                raise KeyError(source) from error
            raise _no_bucket(split(to)[0]) from error
        found = self.look(to)
        if found is None:
            raise KeyError(to)
        return found

    @contextmanager
    def _opened(self, uri: str) -> Iterator[Readable]:
        bucket, key = split(uri)
        try:
            body = self._aws.call("s3", "get_object", Bucket=bucket, Key=key)["Body"]
        except NotFoundError as error:
            raise KeyError(uri) from error
        with closing(body), translated("s3", "get_object"):
            yield body


def _stamp(item: Mapping[str, Any]) -> str:
    return f"{item['ETag']}:{item['Size']}:{item['LastModified'].isoformat()}"


def _no_bucket(bucket: str) -> InputProblems:
    message = f"the bucket '{bucket}' is not there"
    return InputProblems(Problem(id="PB712", message=message, hint="correct SMP_S3BUCKETNAME, or make the bucket"))


def _folder(uri: str) -> tuple[str, str]:
    """Return the bucket, and the part of the key before the content's hash: what is stored there is ours."""
    bucket, key = split(uri)
    return bucket, re.split(r"[0-9a-f]{64}", key)[0]


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        message = f"the address '{uri}' is not a valid s3://bucket/key"
        raise InputProblems(Problem(id="PB521", message=message))
    return bucket, key
