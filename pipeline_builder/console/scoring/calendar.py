"""Calendars: a cell for each logical date, days by weeks, hours by days; what became of it is its colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from pipeline_builder.views.days import Day, moment_of
from pipeline_builder.views.formats import format_number, format_statistic
from pipeline_builder.views.plots.svg import element, label, plot, title

CELL, _GAP, _LEFT, _TOP = 15, 3, 34, 20
_MOST_EMPTY = 53
"""Weeks without any date that are drawn between two dates."""
_GAP_OF_YEARS = (date.max.toordinal(),) * 2
"""Weeks behind all days, so that they have none: room for the name of a month."""
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
    weeks = _weeks(found)
    cells = [
        _cell(when, found.get(when), href, x=_LEFT + column * CELL, y=_TOP + when.weekday() * CELL)
        for column, week in enumerate(weeks)
        for when in week
        if first <= when <= last
    ]
    rows = [label(_LEFT - 6, _TOP + row * CELL + 10, text, anchor="end") for row, text in _WEEKDAYS.items()]
    return _drawn(name, (_LEFT + len(weeks) * CELL, _TOP + 7 * CELL), [*rows, *_months(weeks), *cells])


def _weeks(found: Iterable[datetime]) -> list[list[datetime]]:
    """Return the days of each week from the first to the last date; a gap stands for a year and more without any.

    A date that was mistyped by centuries has them all between itself and the others.
    """
    numbers = sorted({(when.toordinal() - 1) // 7 for when in found})
    drawn = [numbers[0]]
    for before, number in pairwise(numbers):
        drawn += range(before + 1, number) if number - before <= _MOST_EMPTY else _GAP_OF_YEARS
        drawn.append(number)
    last = date.max.toordinal()
    return [[datetime.fromordinal(day) for day in range(week * 7 + 1, min(week * 7 + 7, last) + 1)] for week in drawn]


def _months(weeks: Sequence[Sequence[datetime]]) -> Iterator[str]:
    """Yield the name of each month above its first week, where there is room."""
    before, free = date.min, 0
    for column, week in enumerate(weeks):
        if not week:
            continue
        end, x = week[-1], _LEFT + column * CELL
        if (end.year, end.month) != (before.year, before.month) and x >= free:
            yield label(x, _TOP - 8, f"{end:%b %Y}" if column and end.year > before.year else f"{end:%b}")
            before, free = end.date(), x + 34


def _hours(name: str, found: Mapping[datetime, Day], href: Callable[[str], str]) -> str:
    last = max(found).replace(hour=0)
    first = last - min(timedelta(days=_MOST_HOURS - 1), last - min(found).replace(hour=0))
    drawn = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    left = _LEFT + 40
    cells = [
        _cell(when, found.get(when), href, x=left + hour * CELL, y=_TOP + row * CELL)
        for row, day in enumerate(drawn)
        for hour in range(24)
        if min(found) <= (when := day + timedelta(hours=hour)) <= max(found)
    ]
    named = [label(left - 6, _TOP + row * CELL + 10, f"{day:%Y-%m-%d}", anchor="end") for row, day in enumerate(drawn)]
    hours = [label(left + hour * CELL, _TOP - 8, text) for hour, text in _HOURS.items()]
    return _drawn(name, (left + 24 * CELL, _TOP + len(drawn) * CELL), [*named, *hours, *cells])


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
