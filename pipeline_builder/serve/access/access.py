"""Whom a request is of: an owner by a key that is known, or whoever it says where any key will do."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pipeline_builder.serve.access.faults import AccessError, Fault
from pipeline_builder.serve.access.keys import Key
from pipeline_builder.serve.access.signed import Signed, signed
from pipeline_builder.serve.regions import ACCOUNT, HOME

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from pipeline_builder.serve.access.signatures import Chain

_SKEW = timedelta(minutes=5)
_SKEW_OF_S3 = timedelta(minutes=15)
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}[a-z0-9-]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whom a request is of: account, Region and service of its signature; `chain` for the chunks of its body."""

    account: str = ACCOUNT
    region: str = HOME
    service: str = ""
    chain: Chain | None = None


class Access:
    """Takes what is signed with the owner's key; without one, all that comes."""

    def __init__(self, owner: Key | None = None) -> None:
        self._owner = owner

    def caller(self, request: Request) -> Caller:
        """Return whom a request is of.

        Raises:
            AccessError: that can't be said, or it isn't who it says.
        """
        if self._owner is None:
            return _anybody(request)
        found = signed(request)
        if found is None:
            raise AccessError(Fault.MISSING)
        known = secrets.compare_digest(found.key.encode(), self._owner.id.encode())
        if not known:
            raise AccessError(Fault.UNKNOWN_KEY)
        _check_time(found)
        # botocore, which is asked here only, needs a while to be imported.
        from pipeline_builder.serve.access.signatures import verify

        chain = verify(request, found, self._owner)
        return Caller(region=_region(found), service=found.service, chain=chain)


def _anybody(request: Request) -> Caller:
    """Return whom a request says that it is of; what it says and nobody understands counts for nothing."""
    try:
        found = signed(request)
    except AccessError:
        found = None
    if found is None:
        return Caller()
    account = found.key if _ACCOUNT.fullmatch(found.key) else ACCOUNT
    return Caller(account=account, region=_region(found), service=found.service)


def _region(found: Signed) -> str:
    return found.region if _REGION.fullmatch(found.region) else HOME


def _check_time(found: Signed) -> None:
    now = datetime.now(timezone.utc)
    if found.until is not None:
        if now >= found.until:
            raise AccessError(Fault.EXPIRED, _expired(found.until, now))
        if found.version == 4 and found.time - now > _SKEW_OF_S3:
            raise AccessError(Fault.SKEWED, "Request is not yet valid")
        return
    most = _SKEW_OF_S3 if found.service == "s3" else _SKEW
    if now - found.time > most:
        raise AccessError(Fault.SKEWED, f"{_expired(found.time, now - most)} ({_iso(now)} - 5 min.)")
    if found.time - now > most:
        words = f"Signature not yet current: {_iso(found.time)} is still later than {_iso(now + most)}"
        raise AccessError(Fault.SKEWED, f"{words} ({_iso(now)} + 5 min.)")


def _expired(time: datetime, now: datetime) -> str:
    return f"Signature expired: {_iso(time)} is now earlier than {_iso(now)}"


def _iso(time: datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ")
