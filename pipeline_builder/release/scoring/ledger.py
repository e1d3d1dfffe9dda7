"""The ledger: for each model and logical date one object that says what was scored with what, and where it is.

`<pipeline>/ledger/<model>/<date>.json` in the bucket that is ours, the same on both targets; no job writes there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.release.record import ScoreStatus
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Media, Target

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2})?")
MOST_LISTED = 1000
"""Objects of an input, or of a publication, that an entry names: its manifest has all of the latter."""
_TRIES = 5
Noted = TypeVar("Noted", bound=BaseModel)


class _Frozen(BaseModel):
    # Of a later version there may be more: it stays readable.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class PackageUsed(_Frozen):
    """The model package that scored, and the sha256 of the evidence that it was approved with."""

    arn: str = ""
    group: str = ""
    version: int = 0
    evidence: str = ""


class ObjectStamp(_Frozen):
    """An object of an input, with what changes when it does."""

    uri: str
    stamp: str = ""


class InputGiven(_Frozen):
    """What was scored: addresses, a digest of what lay there, and its objects, of many the first ones."""

    addresses: tuple[str, ...] = ()
    fingerprint: str = ""
    objects: tuple[ObjectStamp, ...] = ()
    count: int = 0


class RowCounts(_Frozen):
    """How many rows came, and how many predictions were made of them; None where nobody could count."""

    input: int | None = None
    predictions: int | None = None


class Monitored(_Frozen):
    """What monitoring has found, as far as its history needs it."""

    uri: str = ""
    violations: int = 0
    actions: tuple[str, ...] = ()
    drift: Any = None
    quality: Any = None


class PublishedObject(_Frozen):
    """An object that was published; `sha256` on this machine, `etag` on AWS."""

    uri: str
    size: int
    sha256: str = ""
    etag: str = ""


class Publication(_Frozen):
    """Where readers find the predictions: the pointer says which run is read, that run's manifest lists its objects."""

    to: str
    pointer: str
    run: str
    manifest: str
    objects: tuple[PublishedObject, ...] = ()
    count: int = 0


class LedgerDay(_Frozen):
    """A model's logical date. `status` is `scored` where it is whole and the conf publishes nothing; `published` (the
    time, ISO 8601) is when that status was written. A date that is blocked keeps what readers see. `parameters` is a
    digest of the values that the run started with, of all that decide.
    """

    format: Literal[1] = 1
    pipeline: str
    model: str
    date: str
    execution: str
    started: str = ""
    status: ScoreStatus
    definition_sha256: str
    fingerprint: str = ""
    parameters: str = ""
    package: PackageUsed = PackageUsed()
    input: InputGiven = InputGiven()
    rows: RowCounts = RowCounts()
    monitor: Monitored | None = None
    evidence: str = ""
    publication: Publication | None = None
    reasons: tuple[str, ...] = ()
    published: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the date needs no more work: also one that was blocked has its answer."""
        return self.status != "failed"


def ledger_uri(target: Target, pipeline: str, model: str, date: str) -> str:
    """Return where a model's logical date is noted."""
    return f"{target.base(pipeline)}/ledger/{model}/{date}.json"


def read_day(target: Target, pipeline: str, model: str, date: str) -> LedgerDay | None:
    """Return a model's logical date; None where nothing is noted of it, or what is can't be read."""
    found = target.store.read(ledger_uri(target, pipeline, model, date))
    return parse_day(found[0]) if found else None


def parse_day(content: bytes) -> LedgerDay | None:
    """Return what is noted of a logical date; None where it can't be read."""
    try:
        return LedgerDay.model_validate_json(content)
    except ValidationError:
        return None


def write_day(target: Target, day: LedgerDay, *, force: bool = False) -> LedgerDay:
    """Note a model's logical date, unless a later execution has done so or with `force`; return what is noted then.

    What is there already, but for its time, is left as it is.

    Raises:
        PlanRefused: PB894 where others write it all the time.
    """
    uri = ledger_uri(target, day.pipeline, day.model, day.date)

    def wanted(content: bytes) -> LedgerDay | None:
        known = parse_day(content) if content else None
        if known and ((known.started > day.started and not force) or _same(known, day)):
            return None
        if known and day.status in ("blocked", "failed") and day.publication is None:
            return day.model_copy(update={"publication": known.publication})
        return day

    return replace_object(target, uri, wanted, LedgerDay)


def _same(known: LedgerDay, day: LedgerDay) -> bool:
    kept = {"published": "", "publication": None} if day.publication is None else {"published": ""}
    return known.model_copy(update=kept) == day.model_copy(update=kept)


def replace_object(target: Target, uri: str, wanted: Callable[[bytes], Noted | None], kind: type[Noted]) -> Noted:
    """Write what is `wanted`, given what is there, by a conditional write; return what is there then.

    Raises:
        PlanRefused: PB894 where others write it all the time.
    """
    for _ in range(_TRIES):
        content, mark = target.store.read(uri) or (b"", "")
        new = wanted(content)
        if new is None:
            return kind.model_validate_json(content)
        if target.store.put_if(uri, new.model_dump_json(indent=1).encode() + b"\n", Media.JSON, mark=mark):
            return new
    message = f"'{uri}' is written by somebody else at the same time"
    raise PlanRefused(Problem(id="PB894", message=message, hint="repeat the command when that has ended"))


def list_days(target: Target, pipeline: str, *, model: str = "", most: int = 90) -> tuple[LedgerDay, ...]:
    """Return the newest logical dates of a pipeline, or of one of its models, oldest first; `most` of each model."""
    dates: dict[str, list[str]] = {}
    prefix = f"{target.base(pipeline)}/ledger/"
    for uri in target.store.entries(f"{prefix}{model}/" if model else prefix):
        name, _, file = uri.removeprefix(prefix).partition("/")
        if _DATE.fullmatch(file.removesuffix(".json")) and not name.startswith("."):  # where it is noted who works
            dates.setdefault(name, []).append(file.removesuffix(".json"))
    wanted = [(date, name) for name, found in dates.items() for date in sorted(found)[-most:]]
    days = at_once(lambda item: read_day(target, pipeline, item[1], item[0]), sorted(wanted))
    return tuple(day for day in days if day)
