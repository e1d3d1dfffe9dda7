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
    from pipeline_builder.serve.access.steps import StepKey, StepKeys

_SKEW = timedelta(minutes=5)
_SKEW_OF_S3 = timedelta(minutes=15)
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}[a-z0-9-]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whom a request is of: account, Region and service of its signature; of a job, its `step`.

    `chain` is what the chunks of the body are held against.
    """

    account: str = ACCOUNT
    region: str = HOME
    service: str = ""
    chain: Chain | None = None
    step: StepKey | None = None


class Access:
    """Takes what is signed with the owner's key, or one of the `steps`; without an owner, all that comes."""

    def __init__(self, owner: Key | None = None, steps: StepKeys | None = None, *, only_steps: bool = False) -> None:
        self._owner = owner
        self._steps = steps
        self._any = owner is None and not only_steps

    def of_jobs(self) -> Access:
        """Return who is let in where nobody but jobs can come from."""
        return Access(steps=self._steps, only_steps=True)

    def caller(self, request: Request) -> Caller:
        """Return whom a request is of.

        Raises:
            AccessError: that can't be said, or it isn't who it says.
        """
        try:
            found = signed(request)
        except AccessError:
            if self._any:
                return Caller()
            raise
        step = self._steps.find(found.key) if found and self._steps else None
        if self._any and (found is None or step is None):
            return _anybody(found)
        if found is None:
            raise AccessError(Fault.MISSING)
        key = step.key if step else self._owner
        if key is None or not secrets.compare_digest(found.key.encode(), key.id.encode()):
            raise AccessError(Fault.UNKNOWN_KEY)
        _check_time(found)
        # botocore, which is asked here only, needs a while to be imported.
        from pipeline_builder.serve.access.signatures import verify

        chain = verify(request, found, key)
        return Caller(region=_region(found), service=found.service, chain=chain, step=step)


def _anybody(found: Signed | None) -> Caller:
    """Return whom a request says that it is of."""
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
