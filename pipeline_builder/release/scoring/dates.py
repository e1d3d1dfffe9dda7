"""Logical dates: the day, or the hour, that an inference run is about."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from pipeline_builder.errors import InputProblems, Problem

_FORM = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2})(?P<rest>:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?(?P<offset>Z|[+-][01][0-9]:[0-5][0-9])?)?"
)
_DAY, _HOUR = "%Y-%m-%d", "%Y-%m-%dT%H"
MOST_DAYS = 10_000
"""Dates of one backfill."""


def logical_date(text: str, *, hourly: bool, now: datetime) -> str:
    """Return a logical date as it is written: `2026-11-29`, of a pipeline by the hour `2026-11-29T13`.

    An empty text is now, in UTC; of a time only what the pipeline is about counts: its day as it is written, which is
    the one of its zone, but its hour in UTC, as a zone may have an hour twice. A date to come is one like any other:
    whether it has data says the data.

    Raises:
        InputProblems: PB891 for a text that is no date, or lacks the hour.
    """
    if not text:
        return _written(now.astimezone(timezone.utc), hourly=hourly)
    match = _FORM.fullmatch(text)
    day, hour = (match["day"], match["hour"]) if match else ("", None)
    expected = "2026-11-29T13, an hour in UTC" if hourly else "2026-11-29"
    try:
        found = datetime.strptime(f"{day}T{hour or '00'}", _HOUR).replace(tzinfo=timezone.utc)
        if match and hourly:
            found = _in_utc(found, match["rest"], match["offset"])
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise InputProblems(Problem(id="PB891", message=f"'{text}' is no date", hint=f"write it as {expected}"))
    if hourly and hour is None:
        message = f"'{text}' is a day, and this pipeline is about hours: its conf has '${{hour}}'"
        raise InputProblems(Problem(id="PB891", message=message, hint=f"write it as {expected}"))
    return _written(found, hourly=hourly)


def _in_utc(hour: datetime, rest: str | None, offset: str | None) -> datetime:
    """Return the moment of an hour, with the minutes behind it, that is written with an offset from UTC."""
    if offset in (None, "Z"):
        return hour
    minutes = timedelta(minutes=int((rest or ":00")[1:3]))
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    return hour + minutes - (ahead if offset[0] == "+" else -ahead)


def dates_between(first: str, last: str, *, hourly: bool, now: datetime) -> tuple[str, ...]:
    """Return every logical date from the first to the last; of pipelines by the hour days stand for all their hours.

    Raises:
        InputProblems: PB891 for what is no date, PB892 where the first comes after the last, or there are too many.
    """
    if not first:  # of a variable that isn't set
        raise InputProblems(Problem(id="PB891", message="'' is no date", hint="say with --from where to begin"))
    begin = _moment(logical_date(_hour_of(first, "00", hourly=hourly), hourly=hourly, now=now))
    end = _moment(logical_date(_hour_of(last, "23", hourly=hourly), hourly=hourly, now=now))
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    count = (end - begin) // step + 1
    if count < 1:
        message = f"--from '{first}' comes after --to '{last or _written(end, hourly=hourly)}'"
        raise InputProblems(Problem(id="PB892", message=message, hint="exchange them"))
    if count > MOST_DAYS:
        message = f"from '{first}' to '{last}' there are {count:,} dates, at most {MOST_DAYS:,} are worked off at once"
        raise InputProblems(Problem(id="PB892", message=message, hint="take a part of them after another"))
    return tuple(_written(begin + number * step, hourly=hourly) for number in range(count))


def _hour_of(text: str, hour: str, *, hourly: bool) -> str:
    return f"{text}T{hour}" if hourly and text and "T" not in text else text


def _moment(date: str) -> datetime:
    return datetime.strptime(date, _HOUR if "T" in date else _DAY).replace(tzinfo=timezone.utc)


def _written(moment: datetime, *, hourly: bool) -> str:
    return f"{moment.date().isoformat()}T{moment:%H}" if hourly else moment.date().isoformat()


def partition(date: str) -> str:
    """Return the folder of a logical date, as tables are partitioned: `dt=2026-11-29`, or `dt=2026-11-29/hour=13`."""
    day, _, hour = date.partition("T")
    return f"dt={day}/hour={hour}" if hour else f"dt={day}"
