"""The manifest's schedules as EventBridge Scheduler takes them: it says of a wrong one only that deploying failed."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.cron import cron_faults
from pipeline_builder.manifest.pipelines import PipelineEntry
from pipeline_builder.manifest.schedules import Schedule

# An action hands on a thousand characters in all, and has other values besides.
_LONGEST_GROUPS = 400
_RATE = re.compile(r"^([1-9]\d{0,5}) (minutes?|hours?|days?)$", re.ASCII)


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
        said = f"the schedule '{section.name}' names the timezone {describe(section.timezone)}, which doesn't exist"
        hint = did_you_mean(section.timezone, known) or "expected an IANA name such as 'Europe/Berlin'"
        yield Problem(id="PB612", message=said, place=schedule.at("timezone"), hint=hint)


# Files in the folder of timezones that are this machine's own, or none of any place: AWS knows neither.
_OWN = {"localtime", "Factory"}


def known_timezones() -> frozenset[str]:
    """Return the names of all timezones; empty where the machine has no list."""
    import zoneinfo

    return _timezones_in(tuple(zoneinfo.TZPATH))


@functools.lru_cache(maxsize=2)
def _timezones_in(_folders: tuple[str, ...]) -> frozenset[str]:
    """Look once: that opens each of the six hundred files."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones() - _OWN)


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
