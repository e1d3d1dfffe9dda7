"""Cron expressions as EventBridge Scheduler has them: what is wrong in one, and when it fires next."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEK_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of the six fields of a cron expression; names stand for the numbers from `first` on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
FIELDS = (
    Field(name="minute", first=0, last=59),
    Field(name="hour", first=0, last=23),
    Field(name="day of month", first=1, last=31),
    Field(name="month", first=1, last=12, names=_MONTHS),
    Field(name="day of week", first=1, last=7, names=_WEEK_DAYS),
    Field(name="year", first=1970, last=2199),
)

# A 29th of February on a given weekday comes back after 28 years at most, 40 where a century is between.
_LONGEST = 366 * 41
_SATURDAY = 7
_MONTH_DAY, _WEEK_DAY = 2, 4


def cron_faults(text: str) -> tuple[str, ...]:
    """Return what is wrong in a cron expression of EventBridge, in words that follow it."""
    if text.strip().lower().startswith("cron("):
        return ("write the six fields alone, without 'cron(' and ')'",)
    parts = text.split(" ") if "\n" not in text else []
    if len(parts) != len(FIELDS):
        return (f"{len(text.split())} fields, expected 6 with one space between them",)
    faults = [
        f"'{part}' is no {field.name}: {fault}"
        for index, (field, part) in enumerate(zip(FIELDS, parts, strict=True))
        if (fault := _field_fault(index, field, part.upper()))
    ]
    if (parts[_MONTH_DAY] == "?") == (parts[_WEEK_DAY] == "?"):
        faults.append("exactly one of day-of-month and day-of-week must be '?'")
    return tuple(faults)


def _field_fault(index: int, field: Field, part: str) -> str:
    if part == "*" or (part == "?" and index in (_MONTH_DAY, _WEEK_DAY)):
        return ""
    if index == _MONTH_DAY and (part in ("L", "LW") or re.match(r"^([1-9]|[12]\d|3[01])W$", part)):
        return ""
    if index == _WEEK_DAY and (part == "L" or _is_nth_day(field, part)):
        return ""
    return next((fault for item in part.split(",") if (fault := _item_fault(field, item))), "")


def _is_nth_day(field: Field, part: str) -> bool:
    """`6L` is the last Friday of a month, `3#2` its second Tuesday."""
    match = re.match(r"^([A-Z]{3}|\d)(L|#[1-5])$", part)
    return bool(match) and read_number(field, match[1] if match else "") is not None


def _item_fault(field: Field, item: str) -> str:
    """An item is a value, a range, or either with a step."""
    body, slash, step = item.partition("/")
    if slash and not (re.match(r"^[1-9]\d{0,3}$", step) and int(step) <= field.last):
        return f"the step after '/' is none, expected 1 to {field.last}"
    if body == "*":
        return "" if slash else "'*' stands alone"
    first, dash, last = body.partition("-")
    for value in (first, last) if dash else (first,):
        if read_number(field, value) is None:
            names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
            return f"expected {field.first} to {field.last}{names}"
    start, end = read_number(field, first), read_number(field, last) if dash else None
    if start is not None and end is not None and start > end:
        return f"the range '{body}' runs backwards"
    return ""


def next_firing(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """Return the first time after `after` (with a zone) at which a valid cron expression fires, None for never.

    Times that a clock jumps over don't fire; those that it shows twice fire once, as EventBridge Scheduler says.
    """
    minute, hour, month_day, month, week_day, year = cron.upper().split(" ")
    months, years = _values(FIELDS[3], month), _values(FIELDS[5], year)
    times = [(h, m) for h in sorted(_values(FIELDS[1], hour)) for m in sorted(_values(FIELDS[0], minute))]
    first = after.astimezone(zone).date()
    for day in (first + timedelta(days=offset) for offset in range(_LONGEST)):
        if day.year > max(years):
            return None
        if day.year in years and day.month in months and _is_day(day, month_day, week_day):
            for moment in _moments(day, times, zone):
                if moment > after:
                    return moment
    return None


def _moments(day: date, times: list[tuple[int, int]], zone: tzinfo) -> Iterator[datetime]:
    for hour, minute in times:
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        if moment.astimezone(timezone.utc).astimezone(zone).replace(fold=0) == moment:
            yield moment


def _values(field: Field, text: str) -> set[int]:
    """Return the numbers that a field without L, W and # stands for."""
    found: set[int] = set()
    for item in text.split(","):
        body, _, step = item.partition("/")
        first, dash, last = body.partition("-")
        start = field.first if body in ("*", "?") else read_number(field, first) or 0
        end = field.last if body in ("*", "?") or (step and not dash) else read_number(field, last or first) or 0
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _is_day(day: date, month_day: str, week_day: str) -> bool:
    return _is_month_day(day, month_day) if week_day == "?" else _is_week_day(day, week_day)


def _is_month_day(day: date, text: str) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if text == "L":
        return day.day == last
    if text.endswith("W"):
        wanted = last if text == "LW" else int(text[:-1])
        return wanted <= last and day == _nearest_weekday(day.replace(day=wanted), last)
    return day.day in _values(FIELDS[2], text)


def _nearest_weekday(day: date, last: int) -> date:
    """Return the day, or where it is on a weekend the nearest from Monday to Friday in the same month."""
    match day.isoweekday():
        case 6:
            return day + timedelta(days=-1 if day.day > 1 else 2)
        case 7:
            return day + timedelta(days=1 if day.day < last else -2)
        case _:
            return day


def _is_week_day(day: date, text: str) -> bool:
    number = day.isoweekday() % 7 + 1  # EventBridge counts from Sunday, which is 1
    if text == "L":
        return number == _SATURDAY
    if match := re.fullmatch(r"(\w+)L", text):
        last = calendar.monthrange(day.year, day.month)[1]
        return number == read_number(FIELDS[4], match[1]) and day.day > last - 7
    if match := re.fullmatch(r"(\w+)#(\d)", text):
        return number == read_number(FIELDS[4], match[1]) and (day.day - 1) // 7 + 1 == int(match[2])
    return number in _values(FIELDS[4], text)


def read_number(field: Field, text: str) -> int | None:
    """Return the number that a value of a field stands for; None where it is none of it."""
    if text in field.names:
        return field.first + field.names.index(text)
    if not re.match(r"^\d{1,4}$", text, re.ASCII):
        return None
    return int(text) if field.first <= int(text) <= field.last else None
