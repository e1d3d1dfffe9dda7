"""When a cron expression fires next, so that a person sees whether it says what was meant."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo

from pipeline_builder.service.cloudformation.description.schedules import FIELDS, Field, read_number

# A 29th of February on a given weekday comes back after 28 years at most, 40 where a century is between.
_DAYS = 366 * 41
_SATURDAY = 7


def next_firing(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """Return the first time after `after` (with a zone) at which a valid cron expression fires, None for never.

    Times that a clock jumps over don't fire; those that it shows twice fire once, as EventBridge Scheduler says.
    """
    minute, hour, month_day, month, week_day, year = cron.upper().split(" ")
    months, years = _values(FIELDS[3], month), _values(FIELDS[5], year)
    times = [(h, m) for h in sorted(_values(FIELDS[1], hour)) for m in sorted(_values(FIELDS[0], minute))]
    first = after.astimezone(zone).date()
    for day in (first + timedelta(days=offset) for offset in range(_DAYS)):
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
