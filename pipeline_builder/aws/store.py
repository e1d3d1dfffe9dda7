"""Objects in S3: content-addressed, so that one that is there is never written again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import InputProblems, Problem


class S3Store:
    """Objects under `s3://bucket/key`, encrypted with the key where one is given."""

    def __init__(self, aws: Aws, kms_key: str = "") -> None:
        self._aws = aws
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    def missing(self, uris: Iterable[str]) -> tuple[str, ...]:
        """Return those of the URIs that no object has: one listing for a thousand objects, whatever their number."""
        wanted = tuple(uris)
        folders = dict.fromkeys(_folder(uri) for uri in wanted)
        there = {uri for folder in folders for uri in self._listed(*folder)}
        return tuple(uri for uri in wanted if uri not in there)

    def _listed(self, bucket: str, prefix: str) -> Iterator[str]:
        yield from (f"s3://{bucket}/{item['Key']}" for item in self._items(bucket, prefix))

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

    def put(self, uri: str, content: bytes | Path) -> None:
        """Write an object in one request, which S3 takes whole or not at all, with a checksum that S3 verifies."""
        bucket, key = split(uri)
        body = content if isinstance(content, bytes) else content.read_bytes()
        try:
            self._aws.call(
                "s3", "put_object", Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", **self._encryption
            )
        except NotFoundError as error:
            raise _no_bucket(bucket) from error

    def get(self, uri: str) -> bytes:
        """Return the object's content; KeyError where there is none."""
        bucket, key = split(uri)
        try:
            found: bytes = self._aws.call("s3", "get_object", Bucket=bucket, Key=key)["Body"].read()
        except NotFoundError as error:
            raise KeyError(uri) from error
        return found


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
