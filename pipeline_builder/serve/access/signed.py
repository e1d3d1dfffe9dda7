"""What a request says of how it is signed: in its header or its query, by version 4, or for S3 also by version 2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from werkzeug.wrappers import Request

from pipeline_builder.serve.access.faults import AccessError, Fault

_TIME = "%Y%m%dT%H%M%SZ"
_WEEK = 604_800
_FOUR = "AWS4-HMAC-SHA256"
_SCOPE = re.compile(r"([^\s,]+)/(\d{8})/([A-Za-z0-9-]{1,32})/([a-z0-9-]{1,64})/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """How a request is signed. `headers` are those that the signature covers; `until` is when an address ends.

    `version` is 4, or 2 for what S3 still takes; `query` says that the signature is in the address.
    """

    key: str
    version: int = 4
    region: str = ""
    service: str = ""
    headers: tuple[str, ...] = ()
    signature: str
    time: datetime
    query: bool = False
    until: datetime | None = None

    @property
    def timestamp(self) -> str:
        return self.time.strftime(_TIME)


def signed(request: Request) -> Signed | None:
    """Return how a request is signed; None where it isn't at all.

    Raises:
        AccessError: MALFORMED where nobody could say, TWICE where it says so in more than one place.
    """
    header, asked = request.headers.get("Authorization", ""), request.args
    old = "AWSAccessKeyId" in asked and "Signature" in asked
    if header and (old or asked.get("X-Amz-Algorithm")):
        raise AccessError(Fault.TWICE)
    if header.startswith(_FOUR):
        return _of_header(request, header)
    if header.startswith("AWS "):
        return _of_old_header(request, header)
    if asked.get("X-Amz-Algorithm"):
        return _of_query(request)
    if old:
        return _of_old_query(request)
    if header:
        raise AccessError(Fault.MALFORMED, "Unsupported Authorization Type")
    return None


def _of_header(request: Request, header: str) -> Signed:
    parts = dict(part.strip().partition("=")[::2] for part in header.removeprefix(_FOUR).split(","))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise AccessError(Fault.MALFORMED, f"Authorization header requires '{name}' parameter.")
    time = request.headers.get("X-Amz-Date") or request.headers.get("Date") or ""
    return _of_scope(parts["Credential"], parts["SignedHeaders"], parts["Signature"], _time_of(time))


def _of_query(request: Request) -> Signed:
    asked = request.args
    for name in ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"):
        if not asked.get(name):
            raise AccessError(Fault.MALFORMED, f"Query-string authentication requires the {name} parameter.")
    expires = asked["X-Amz-Expires"]
    if not re.fullmatch(r"\d{1,9}", expires, re.ASCII) or int(expires) > _WEEK:
        raise AccessError(Fault.MALFORMED, "X-Amz-Expires must be less than a week (in seconds)")
    begun = _time_of(asked["X-Amz-Date"])
    try:
        until = begun + timedelta(seconds=int(expires))
    except OverflowError:
        raise AccessError(Fault.MALFORMED, "X-Amz-Date is beyond all times.") from None
    names, signature = asked["X-Amz-SignedHeaders"], asked["X-Amz-Signature"]
    return _of_scope(asked["X-Amz-Credential"], names, signature, begun, until=until)


def _of_scope(credential: str, names: str, signature: str, time: datetime, until: datetime | None = None) -> Signed:
    scope = _SCOPE.fullmatch(credential)
    if scope is None or scope[2] != time.strftime("%Y%m%d"):
        raise AccessError(Fault.MALFORMED, "The Credential is not KEY/DATE/REGION/SERVICE/aws4_request.")
    headers = tuple(names.lower().split(";"))
    if "host" not in headers:
        raise AccessError(Fault.MALFORMED, "'Host' must be a signed header.")
    return Signed(
        key=scope[1], region=scope[3], service=scope[4], headers=headers, signature=signature, time=time,
        query=until is not None, until=until,
    )  # fmt: skip


def _of_old_header(request: Request, header: str) -> Signed:
    key, _, signature = header.removeprefix("AWS ").strip().partition(":")
    if not key or not signature:
        raise AccessError(Fault.MALFORMED)
    time = _time_of(request.headers.get("X-Amz-Date") or request.headers.get("Date") or "")
    return Signed(key=key, version=2, service="s3", signature=signature, time=time)


def _of_old_query(request: Request) -> Signed:
    asked = request.args
    expires = asked.get("Expires", "")
    if not re.fullmatch(r"\d{1,11}", expires, re.ASCII):
        raise AccessError(Fault.MALFORMED, "Invalid date (should be seconds since epoch)")
    until = datetime.fromtimestamp(int(expires), tz=timezone.utc)
    return Signed(
        key=asked["AWSAccessKeyId"], version=2, service="s3", signature=asked["Signature"], time=until, query=True,
        until=until,
    )  # fmt: skip


def _time_of(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError):
        raise AccessError(Fault.MALFORMED, "The date is neither in 'X-Amz-Date' nor in 'Date'.") from None
