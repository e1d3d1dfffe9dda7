"""The signature that a request should have, as botocore's own signers make it, and those of a body's chunks."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from botocore.auth import HmacV1Auth, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from pipeline_builder.serve.access.faults import AccessError, Fault
from pipeline_builder.serve.access.signed import Signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from pipeline_builder.serve.access.keys import Key

HASH = "X-Amz-Content-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_NOTHING = hashlib.sha256().hexdigest()
_OF_QUERY = ("X-Amz-Signature", "Signature", "AWSAccessKeyId", "Expires")
_UNRESERVED = "-_.~"


class Chain:
    """The signatures of a body's chunks, each made of the one before; the first of the request's own."""

    def __init__(self, sign: Callable[[str], str], signed: Signed) -> None:
        self._sign = sign
        self._scope = f"{signed.timestamp}\n{signed.timestamp[:8]}/{signed.region}/{signed.service}/aws4_request"
        self._last = signed.signature

    def check(self, given: str, sha256: str) -> None:
        """Hold the signature of the next chunk against the digest of what is in it; raise MISMATCH."""
        self._check(given, f"AWS4-HMAC-SHA256-PAYLOAD\n{self._scope}\n{self._last}\n{_NOTHING}\n{sha256}")

    def check_trailers(self, given: str, trailers: bytes) -> None:
        """Hold the signature of what comes after the last chunk against it; raise MISMATCH."""
        sha256 = hashlib.sha256(trailers).hexdigest()
        self._check(given, f"AWS4-HMAC-SHA256-TRAILER\n{self._scope}\n{self._last}\n{sha256}")

    def _check(self, given: str, text: str) -> None:
        self._last = self._sign(text)
        if not hmac.compare_digest(given.encode(), self._last.encode()):
            raise AccessError(Fault.MISMATCH)


def verify(request: Request, signed: Signed, key: Key) -> Chain | None:
    """Hold a request against its signature; return what the chunks of its body are held against.

    Raises:
        AccessError: MISMATCH.
    """
    given = Credentials(access_key=key.id, secret_key=key.secret)
    if signed.version == 2:
        expected = _of_old(request, signed, HmacV1Auth(given))
        _compare(signed.signature, expected)
        return None
    _check_covered(request, signed)
    kind = _S3 if signed.service == "s3" else _Other
    signer = kind(given, signed.service, signed.region)
    rebuilt = _rebuilt(request, signed)
    _compare(
        signed.signature, signer.signature(signer.string_to_sign(rebuilt, signer.canonical_request(rebuilt)), rebuilt)
    )
    return Chain(lambda text: str(signer.signature(text, rebuilt)), signed)


def _check_covered(request: Request, signed: Signed) -> None:
    """Refuse what says more than was signed: whoever has a presigned address could make another request of it.

    Digest and date are signed whether or not their headers are.
    """
    for name in request.headers.keys(lower=True):
        if name.startswith("x-amz-") and name not in (*signed.headers, HASH.lower(), "x-amz-date"):
            raise AccessError(Fault.UNCOVERED, f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def _compare(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise AccessError(Fault.MISMATCH)


class _Covered:
    """Signs the headers that the request says, and no others."""

    def headers_to_sign(self, request: Any) -> Any:
        found = HTTPHeaders()
        for name in request.context["signed"]:
            found[name] = request.headers.get(name, "")
        return found


class _S3(_Covered, S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    pass


class _Other(_Covered, SigV4Auth):  # type: ignore[misc] # botocore has no types
    pass


def _rebuilt(request: Request, signed: Signed) -> AWSRequest:
    headers = _headers(request)
    body = _payload(request, signed)
    del headers[HASH]
    headers[HASH] = body
    rebuilt = AWSRequest(method=request.method, url=_address(request), headers=headers)
    rebuilt.context.update(timestamp=signed.timestamp, signed=signed.headers)
    return rebuilt


def _headers(request: Request) -> Any:
    headers = HTTPHeaders()
    for name, value in request.headers:
        headers[name] = value
    return headers


def _payload(request: Request, signed: Signed) -> str:
    """Return what the signature has of the body: of S3 what the request says, which who reads the body looks at."""
    said = request.headers.get(HASH, "")
    if signed.service != "s3" and said != _UNSIGNED:
        return hashlib.sha256(request.get_data(cache=True)).hexdigest()
    if signed.query:
        return said or request.args.get(HASH) or _UNSIGNED
    if not said:
        raise AccessError(Fault.MALFORMED, f"Missing required header for this request: {HASH.lower()}")
    return said


def _address(request: Request) -> str:
    """Return the address as it came, written as the canonical one is; without the signature itself."""
    sent, _, query = str(request.environ.get("REQUEST_URI") or _made(request)).partition("?")
    path = quote(unquote_to_bytes(sent), safe="/" + _UNRESERVED) or "/"
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    kept = [f"{_again(name)}={_again(value)}" for name, value in pairs if name not in _OF_QUERY[:1]]
    return f"http://{request.host}{path}?{'&'.join(kept)}"


def _again(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _made(request: Request) -> str:
    """Return the address of a request that no server has read, but a program made."""
    query = request.environ.get("QUERY_STRING", "")
    return quote(request.path) + (f"?{query}" if query else "")


def _of_old(request: Request, signed: Signed, signer: Any) -> str:
    sent = urlsplit(_address(request))
    pairs = [pair for pair in sent.query.split("&") if pair.partition("=")[0] not in _OF_QUERY]
    split = sent._replace(query="&".join(pairs))
    headers = _headers(request)
    dated = "" if "X-Amz-Date" in headers else headers.get("Date", "")
    date = request.args["Expires"] if signed.query else dated
    signer._get_date = lambda: date  # noqa: SLF001 - what it is signed with, and not this moment
    return str(signer.get_signature(request.method, split, headers))
