"""What the S3 calls share: what a request is about, S3's errors, the headers that an object keeps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from pipeline_builder.engine.state.objects import ObjectFacts, Objects
from pipeline_builder.errors import InputProblems
from pipeline_builder.serve.access.rights import denied
from pipeline_builder.serve.s3.xml import Value, render_xml

if TYPE_CHECKING:
    from pipeline_builder.serve.access.access import Caller

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DOCUMENT_LIMIT = 8 << 20
_DIGITS = 18
_SHA256 = 64
ONLY_VERSION = "null"
"""What S3 calls the version of an object in a bucket that keeps no versions."""
LONGEST_KEY = 1024
"""Bytes of a key, as S3 has it."""
MOST_PARTS = 10_000
PARTS, UPLOAD = "parts", "upload"
"""Beside the headers of an object that came in parts are kept their sizes, and the id of its upload."""
_LONGEST_PART = 255
"""Bytes between two `/` of a key that is to be a file here."""
MOST_METADATA = 2 << 10
"""Bytes of a user's own metadata, names and values, as S3 has it."""
# What is given back as it came; user metadata besides.
_KEPT = ("Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "Expires")


class S3Error(Exception):
    """What S3 answers instead of a result."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a request is about: a bucket, or an object in it. `key` is empty for a bucket, `caller` asks."""

    request: Request
    objects: Objects
    bucket: str
    key: str
    caller: Caller

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def xml_response(name: str, value: Mapping[str, Value]) -> Response:
    """Return a document of S3's."""
    return Response(render_xml(name, value, NAMESPACE), content_type="application/xml")


def document(request: Request) -> bytes:
    """Return a request's body where it is an XML document, which is small."""
    request.max_content_length = _DOCUMENT_LIMIT
    content = request.get_data()
    check_sha256(request, hashlib.sha256(content).hexdigest())
    return content


def check_sha256(request: Request, sha256: str) -> None:
    """Hold a body against the digest that the request says of it, which is signed; what else it can say is no digest.

    Raises:
        S3Error: XAmzContentSHA256Mismatch.
    """
    named = request.headers.get("x-amz-content-sha256", "")
    if len(named) == _SHA256 and named != sha256:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise S3Error("XAmzContentSHA256Mismatch", message)


def number_of(text: str, most: int) -> int | None:
    """Return a whole number of a request, at most `most`; None for what is none."""
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[-_DIGITS:]) if len(text.lstrip("0")) <= _DIGITS else most, most)


def count_of(text: str, most: int, what: str) -> int:
    """Return how many of something a page may have, at most `most`.

    Raises:
        S3Error: InvalidArgument.
    """
    count = number_of(text, most)
    if count is None:
        raise S3Error("InvalidArgument", f"'{text[:20]}' is no number of {what}")
    return count


def check_key(place: Place) -> None:
    """Raise KeyTooLongError, InvalidURI for a key that S3 has none like."""
    size = len(place.key.encode("utf-8", "surrogatepass"))
    if size > LONGEST_KEY:
        raise S3Error(
            "KeyTooLongError", f"Your key is too long: it has {size:,} bytes, at most {LONGEST_KEY:,} are taken"
        )


_OF_THE_SDK = re.compile(r"sagemaker-[a-z0-9-]{1,30}-([0-9]{12})")


def check_bucket(place: Place) -> None:
    """Raise NoSuchBucket where the bucket isn't there; the one that SageMaker's SDK takes by default always is.

    In an account that SageMaker was used in it is there, and with a default prefix the SDK doesn't make it.
    """
    if place.bucket in place.objects.store.buckets():
        return
    named = _OF_THE_SDK.fullmatch(place.bucket)
    if named is None or named[1] != place.caller.account:
        raise S3Error("NoSuchBucket", "The specified bucket does not exist", 404)
    place.objects.store.bucket(place.bucket).mkdir(parents=True, exist_ok=True)


def can_be(place: Place) -> bool:
    """Tell whether there can be an object with the key: objects are files here."""
    try:
        place.objects.store.missing([place.uri])
    except InputProblems:
        return False
    return True


def check_new(place: Place) -> None:
    """Refuse a key that can't be a file, before a body is read."""
    if place.key.endswith("//"):
        raise S3Error("InvalidArgument", f"objects are files here, so the key '{place.key}' can't end with '//'")
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in place.key.split("/"))
    if longest > _LONGEST_PART:
        message = (
            f"objects are files here: between two '/' the key has {longest} bytes, at most {_LONGEST_PART} are taken"
        )
        raise S3Error("KeyTooLongError", message)
    place.objects.store.missing([place.uri])


def check_version(named: str) -> None:
    """Raise InvalidArgument for a version that isn't an object's only one: another object stands in its place."""
    if named != ONLY_VERSION:
        raise S3Error("InvalidArgument", f"Invalid version id specified: '{named[:64]}'")


def gone() -> S3Error:
    """Return the error of an object that isn't there."""
    return S3Error("NoSuchKey", "The specified key does not exist.", 404)


def facts(place: Place) -> ObjectFacts:
    """Return the object, or raise NoSuchKey."""
    check_bucket(place)
    found = place.objects.facts(place.uri) if can_be(place) else None
    if found is None:
        raise gone()
    return found


def kept_headers(request: Request) -> dict[str, str]:
    """Return the headers of an upload that are given back with the object."""
    own = {name: request.headers[name] for name in _KEPT if name in request.headers}
    encoding = [word.strip() for word in own.pop("Content-Encoding", "").split(",")]
    if left := ",".join(word for word in encoding if word and word != "aws-chunked"):
        own["Content-Encoding"] = left
    metadata = {k.lower(): v for k, v in request.headers.items() if k.lower().startswith("x-amz-meta-")}
    if (size := sum(len(name) - len("x-amz-meta-") + len(value) for name, value in metadata.items())) > MOST_METADATA:
        message = f"Your metadata headers exceed the maximum allowed metadata size: {size:,} of {MOST_METADATA:,} bytes"
        raise S3Error("MetadataTooLarge", message)
    return {**own, **metadata}


def copy_source(place: Place) -> ObjectFacts:
    """Return the object that x-amz-copy-source names."""
    # A question mark that isn't quoted begins the version; one in a key is.
    path, _, version = place.request.headers["x-amz-copy-source"].partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    check_version(version.partition("versionId=")[2] or ONLY_VERSION)
    if place.caller.step is not None and not place.caller.step.may_read(bucket, key):
        resource = f'"arn:aws:s3:::{bucket}/{key}"'
        raise S3Error("AccessDenied", denied(place.caller.step.arn, "s3:GetObject", resource), 403)
    return facts(replace(place, bucket=bucket, key=key))


def iso(found: ObjectFacts) -> str:
    """Return when an object was written, as XML has it."""
    return found.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
