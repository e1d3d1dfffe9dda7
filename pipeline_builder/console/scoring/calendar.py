"""Calendars: a cell for each logical date, days by weeks, hours by days; what became of it is its colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pipeline_builder.views.days import Day, moment_of
from pipeline_builder.views.formats import format_number, format_statistic
from pipeline_builder.views.plots.svg import element, label, plot, title

CELL, _GAP, _LEFT, _TOP = 15, 3, 34, 20
_MOST_HOURS = 31
"""Newest days whose hours are drawn."""
_WEEKDAYS = {0: "Mon", 2: "Wed", 4: "Fri", 6: "Sun"}
_HOURS = {0: "00", 6: "06", 12: "12", 18: "18"}


def tone_of(day: Day) -> str:
    """Return the colour of a day: published ones are good, unless something in them was beyond its bounds."""
    if day.status == "published":
        return "wait" if day.violations or day.actions else "good"
    return "idle" if day.status == "scored" else "bad"


def words_of(day: Day) -> str:
    """Say in a line what became of a day."""
    drift = f", worst drift {format_statistic(day.drift)}" if day.drift is not None else ""
    broken = f", {day.violations} violation{'' if day.violations == 1 else 's'}" if day.violations else ""
    rows = f", {format_number(day.rows)} rows" if day.rows is not None else ""
    return f"{day.date}: {day.status}{rows}{drift}{broken}{f', version {day.version}' if day.version else ''}"


def calendar(name: str, days: Sequence[Day], href: Callable[[str], str]) -> str:
    """Return the dates of one model as cells, each leading to its page; nothing without any date."""
    found = {when: day for day in days if (when := moment_of(day.date))}
    if not found:
        return ""
    hourly = any("T" in day.date for day in found.values())
    return _hours(name, found, href) if hourly else _days(name, found, href)


def _days(name: str, found: Mapping[datetime, Day], href: Callable[[str], str]) -> str:
    first, last = min(found), max(found)
    monday = first - timedelta(days=first.weekday())
    weeks = (last - monday).days // 7 + 1
    cells = [
        _cell(when, found.get(when), href, x=_LEFT + (when - monday).days // 7 * CELL, y=_TOP + when.weekday() * CELL)
        for when in (first + timedelta(days=index) for index in range((last - first).days + 1))
    ]
    rows = [label(_LEFT - 6, _TOP + row * CELL + 10, text, anchor="end") for row, text in _WEEKDAYS.items()]
    return _drawn(name, (_LEFT + weeks * CELL, _TOP + 7 * CELL), [*rows, *_months(monday, weeks), *cells])


def _months(monday: datetime, weeks: int) -> Iterator[str]:
    """Yield the name of each month above its first week, where there is room."""
    before, free = 0, 0
    for index in range(weeks):
        week = monday + timedelta(days=7 * index + 6)
        x = _LEFT + index * CELL
        if week.month != before and x >= free:
            yield label(x, _TOP - 8, f"{week:%b}" if week.month > 1 or not before else f"{week:%b %Y}")
            before, free = week.month, x + 34


def _hours(name: str, found: Mapping[datetime, Day], href: Callable[[str], str]) -> str:
    last = max(found).replace(hour=0)
    first = max(min(found).replace(hour=0), last - timedelta(days=_MOST_HOURS - 1))
    dates = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    left = _LEFT + 40
    cells = [
        _cell(when, found.get(when), href, x=left + hour * CELL, y=_TOP + row * CELL)
        for row, date in enumerate(dates)
        for hour in range(24)
        if min(found) <= (when := date + timedelta(hours=hour)) <= max(found)
    ]
    named = [
        label(left - 6, _TOP + row * CELL + 10, f"{date:%Y-%m-%d}", anchor="end") for row, date in enumerate(dates)
    ]
    hours = [label(left + hour * CELL, _TOP - 8, text) for hour, text in _HOURS.items()]
    return _drawn(name, (left + 24 * CELL, _TOP + len(dates) * CELL), [*named, *hours, *cells])


def _cell(when: datetime, day: Day | None, href: Callable[[str], str], *, x: int, y: int) -> str:
    side = CELL - _GAP
    if day is None:
        told = title(f"{when:%Y-%m-%d}: not scored")
        return element("rect", told, x=x, y=y, width=side, height=side, rx=2, class_="cell none")
    words = words_of(day)
    cell = element("rect", title(words), x=x, y=y, width=side, height=side, rx=2, class_=f"cell {tone_of(day)}")
    address = href(day.date)
    return element("a", cell, href=address, aria_label=words) if address else cell


def _drawn(name: str, size: tuple[int, int], parts: Sequence[str]) -> str:
    return plot(name, "", (0, 0, size[0] + 2, size[1] + 2), *parts, class_="plot calendar")
