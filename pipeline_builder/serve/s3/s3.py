"""The S3 calls of AWS clients on the engine's object store, by path: /bucket/key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import RequestedRangeNotSatisfiable, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from pipeline_builder.engine.state.objects import Objects
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, OutsideFailure
from pipeline_builder.machine.refusals import is_of_this_machine, refusal
from pipeline_builder.serve.protocol import FULL, service_error
from pipeline_builder.serve.s3 import buckets, multipart, versions
from pipeline_builder.serve.s3.chunks import UploadError
from pipeline_builder.serve.s3.place import ONLY_VERSION, Place, S3Error, check_key, check_version
from pipeline_builder.serve.s3.rights import check_right
from pipeline_builder.serve.s3.routes import ROUTES, S3Handler
from pipeline_builder.serve.s3.xml import Value, render_xml

if TYPE_CHECKING:
    from pipeline_builder.serve.access.access import Caller

_DIGEST = re.compile(
    r"[0-9a-fA-F]{64}|UNSIGNED-PAYLOAD|STREAMING-UNSIGNED-PAYLOAD-TRAILER|STREAMING-AWS4-HMAC-SHA256-PAYLOAD(-TRAILER)?"
)
# What a query may have besides what the operation is told by: presigned addresses and the SDK's own mark.
_PLAIN = re.compile(r"x-id|X-Amz-.*|response-.*|AWSAccessKeyId|Signature|Expires", re.IGNORECASE)
# What would be lost without a word: encryption with the client's own key, appending, locks, redirects.
_NOT_SERVED = re.compile(
    r"x-amz-(copy-source-)?server-side-encryption-customer-.*|x-amz-write-offset-bytes|x-amz-object-lock-.*"
    r"|x-amz-website-redirect-location",
    re.IGNORECASE,
)


_EXPECTED: Mapping[type[Exception], tuple[str, str, int]] = {
    RequestEntityTooLarge: ("EntityTooLarge", "the upload is larger than 5 GB", 400),
    RequestedRangeNotSatisfiable: ("InvalidRange", "The requested range is not satisfiable", 416),
    IsADirectoryError: ("InvalidArgument", "objects are files here, and there are others below this one", 400),
    NotADirectoryError: ("InvalidArgument", "objects are files here, and one is where a folder would have to be", 400),
    PermissionError: ("AccessDenied", "this is in a mounted folder, which is only read", 403),
}


def answer_s3(request: Request, store: LocalStore, state: State, caller: Caller) -> Response:
    """Answer a request of the S3 REST API.

    Raises:
        AccessError: the body is not the one that was signed.
    """
    bucket, _, key = request.path.lstrip("/").partition("/")
    place = Place(request=request, objects=Objects(store, state), bucket=bucket, key=key, caller=caller)
    try:
        _check_uri(request)
        check_key(place)
        _check_digest(request)
        _check_meant(place)
        return _handler(place)(place)
    except (S3Error, UploadError) as error:
        return _error(place, error.code, str(error), getattr(error, "status", 400))
    except OutsideFailure as error:
        return _refused(place, error)
    except InputProblems as error:
        return _error(place, "InvalidArgument", "; ".join(problem.message for problem in error.problems))
    except tuple(_EXPECTED) as error:
        code, message, status = next(said for kind, said in _EXPECTED.items() if isinstance(error, kind))
        return _error(place, code, f"{message}: '{place.bucket}/{place.key}'", status)
    except OSError as error:
        if not is_of_this_machine(error):
            raise
        return _refused(place, refusal(error))


def _check_uri(request: Request) -> None:
    """Raise InvalidURI where the address isn't UTF-8: what stands for its bytes would stand for others as well."""
    asked = unquote_to_bytes(request.environ["QUERY_STRING"])
    try:
        (request.environ["PATH_INFO"].encode("latin-1") + b"?" + asked).decode()
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.") from None


def _check_digest(request: Request) -> None:
    """Raise InvalidArgument for what is no way to say of a body how it is signed: it would be held against nothing."""
    named = request.headers.get("x-amz-content-sha256", "")
    if named and not _DIGEST.fullmatch(named):
        message = (
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value."
        )
        raise S3Error("InvalidArgument", message)


def _check_meant(place: Place) -> None:
    """Refuse what would be done otherwise than it is meant: to another's bucket, another version, or without what is
    to protect or to change the object.
    """
    headers, asked = place.request.headers, place.request.args
    owners = [headers.get("x-amz-expected-bucket-owner"), headers.get("x-amz-source-expected-bucket-owner")]
    if any(owner not in (None, place.caller.account) for owner in owners):
        raise S3Error("AccessDenied", "Access Denied", 403)
    if named := next((name.lower() for name, _ in headers if _NOT_SERVED.fullmatch(name)), None):
        message = f"A header you provided implies functionality that is not implemented by the local engine: {named}"
        raise S3Error("NotImplemented", message, 501)
    if place.key:
        check_version(asked.get("versionId", ONLY_VERSION))


def _refused(place: Place, error: OutsideFailure) -> Response:
    """Answer what this machine refuses: the codes of S3 for what is none of the request's, with what it is."""
    found = service_error(error)
    code = "InternalError" if found.status == FULL else "ServiceUnavailable"
    return _error(place, code, found.message, found.status)


def _handler(place: Place) -> S3Handler:
    kind = "object" if place.key else "bucket" if place.bucket else "service"
    query = {name for name in place.request.args if not _PLAIN.fullmatch(name)}
    known = ROUTES.get((kind, place.request.method), {})
    name = next((name for name in known if name and name in query), "")
    # The only version of an object is the object.
    more = query - {name, "versionId" if place.key else "", *buckets.LIST_QUERY, *versions.LIST_QUERY, *multipart.QUERY}
    check_right(place, name)
    if name not in known or more:
        what = f"?{min(more)}" if more else ""
        on = {"service": "all buckets", "bucket": "a bucket", "object": "an object"}[kind]
        message = f"{place.request.method} of {on}{what} is not served by the local engine"
        raise S3Error("NotImplemented", message, 501)
    return known[name][1]


def _error(place: Place, code: str, message: str, status: int = 400) -> Response:
    response = error_response(code, message, f"/{place.bucket}/{place.key}", status)
    if place.request.method == "HEAD":
        response.set_data(b"")
    return response


def error_response(code: str, message: str, path: str, status: int = 400) -> Response:
    """Return an error as S3 has it."""
    content: Mapping[str, Value] = {"Code": code, "Message": message, "Resource": path}
    body = render_xml("Error", content, "").replace(b' xmlns=""', b"")
    return Response(body, status=status, content_type="application/xml")
