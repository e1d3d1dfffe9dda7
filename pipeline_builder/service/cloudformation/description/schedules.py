"""The manifest's schedules as EventBridge Scheduler takes them: it says of a wrong one only that deploying failed."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.pipelines import PipelineEntry
from pipeline_builder.manifest.schedules import Schedule

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# An action hands on a thousand characters in all, and has other values besides.
_LONGEST_GROUPS = 400
_RATE = re.compile(r"^([1-9]\d{0,5}) (minutes?|hours?|days?)$", re.ASCII)


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
    Field(name="day of week", first=1, last=7, names=_DAYS),
    Field(name="year", first=1970, last=2199),
)
_MONTH_DAY, _WEEK_DAY = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule fires, in the words of EventBridge Scheduler; `handle` is the pipeline's, "" for the main one."""

    name: str
    expression: str
    timezone: str
    groups: tuple[str, ...]
    cache: bool
    enabled: bool
    handle: str = ""
    deadline_minutes: int | None = None

    @property
    def cron(self) -> str:
        """The six fields; empty for a rate."""
        return self.expression[5:-1] if self.expression.startswith("cron(") else ""


def build_schedules(
    schedules: Iterable[Schedule], pipelines: tuple[PipelineEntry, ...]
) -> tuple[tuple[Timing, ...], tuple[Problem, ...]]:
    """Return the schedules, and every problem (PB610 to PB612, PB618) with the manifest's places.

    A day that was scored is not scored again, so that schedules of pipelines that use models take what is cached.
    """
    entries = {entry.name: entry for entry in pipelines}
    timings: list[Timing] = []
    problems: list[Problem] = []
    for schedule in schedules:
        section = schedule.section
        found = tuple(_problems(schedule))
        problems += found
        expression = f"cron({' '.join(section.cron.split())})" if section.cron else f"rate({section.rate})"
        timings.append(
            Timing(
                name=section.name,
                expression=expression,
                timezone=section.timezone,
                groups=section.groups,
                cache=section.cache or (entries[schedule.pipeline].is_inference and not schedule.says("cache")),
                enabled=section.enabled,
                handle=schedule.pipeline if schedule.pipeline != pipelines[0].name else "",
                deadline_minutes=section.deadline_minutes,
            )
        )
    return tuple(timings), tuple(problems)


def _problems(schedule: Schedule) -> Iterator[Problem]:
    section = schedule.section
    if section.cron:
        for message in cron_faults(section.cron):
            said = f"the schedule '{section.name}' has the cron expression {describe(section.cron)}: {message}"
            hint = "six fields: minute hour day-of-month month day-of-week year, such as '0 2 * * ? *'"
            yield Problem(id="PB610", message=said, place=schedule.at("cron"), hint=hint)
    if section.rate and (fault := rate_fault(section.rate)):
        said = f"the schedule '{section.name}' has the rate {describe(section.rate)}: {fault}"
        yield Problem(id="PB611", message=said, place=schedule.at("rate"), hint="write it as '1 hour' or '12 hours'")
    yield from _timezone_problems(schedule)
    if len(",".join(section.groups)) > _LONGEST_GROUPS:
        said = f"the groups of the schedule '{section.name}' have together more than {_LONGEST_GROUPS} characters"
        hint = "an action of CodePipeline hands on no more: make two schedules of it, or a group of its own"
        yield Problem(id="PB618", message=said, place=schedule.at("groups"), hint=hint)


def _timezone_problems(schedule: Schedule) -> Iterator[Problem]:
    section = schedule.section
    known = known_timezones()
    if not known:
        said = f"this machine has no list of timezones, so '{section.timezone}' of '{section.name}' is not checked"
        hint = "install the system's tzdata"
        yield Problem(id="PB612", message=said, place=schedule.at("timezone"), hint=hint, warning=True)
    elif section.timezone not in known:
        said = f"the schedule '{section.name}' names the timezone {describe(section.timezone)}, which there is none of"
        hint = did_you_mean(section.timezone, known) or "expected an IANA name such as 'Europe/Berlin'"
        yield Problem(id="PB612", message=said, place=schedule.at("timezone"), hint=hint)


def known_timezones() -> frozenset[str]:
    """Return the names of all timezones; empty where the machine has no list."""
    import zoneinfo

    return _timezones_in(tuple(zoneinfo.TZPATH))


@functools.lru_cache(maxsize=2)
def _timezones_in(_folders: tuple[str, ...]) -> frozenset[str]:
    """Look once: that opens each of the six hundred files."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def rate_fault(rate: str) -> str:
    """Return what is wrong in a rate, in words that follow it."""
    if rate.strip().lower().startswith("rate("):
        return "write it without 'rate(' and ')'"
    match = _RATE.match(rate)
    if not match or "\n" in rate:
        return "expected a whole number from 1 on, and minutes, hours or days"
    one = match[1] == "1"
    if one == match[2].endswith("s"):
        return f"{match[1]} goes with '{match[2].removesuffix('s') if one else match[2] + 's'}'"
    return ""


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


def read_number(field: Field, text: str) -> int | None:
    """Return the number that a value of a field stands for; None where it is none of it."""
    if text in field.names:
        return field.first + field.names.index(text)
    if not re.match(r"^\d{1,4}$", text, re.ASCII):
        return None
    return int(text) if field.first <= int(text) <= field.last else None
