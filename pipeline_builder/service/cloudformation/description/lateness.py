"""When a day that a schedule is to publish is late: after the longest time between two starts, and that of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from math import ceil
from typing import TYPE_CHECKING

from pipeline_builder.errors import Problem
from pipeline_builder.manifest.cron import next_firing
from pipeline_builder.service.cloudformation.description.schedules import Timing

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.service.cloudformation.description.model import ServiceModel

MOST_HOURS = 7 * 24
"""An alarm of CloudWatch looks back a week at most (PutMetricAlarm: Period times EvaluationPeriods)."""
# The build before the run and the publication after it, in minutes.
_AROUND = 60
_HOURS = {"minute": 1 / 60, "hour": 1, "day": 24}
# A whole cycle of weekdays and the ends of months, with the hours that clocks are set by.
_DAYS, _MOST = 400, 1500


def late_after(timings: Iterable[Timing], run_minutes: int) -> int | None:
    """Return after how many hours without a publication one is late; None where no schedule says so.

    Of several schedules it is the one that starts most often.
    """
    found = [
        gap + (timing.deadline_minutes or run_minutes + _AROUND) / 60
        for timing in timings
        if timing.enabled and (gap := longest_gap(timing))
    ]
    return ceil(min(found)) if found else None


def late_problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    """Yield PB982 for schedules that start so seldom that no alarm can look back so far."""
    for one in model.further:
        if one.late_after is not None and not one.rings_late:
            schedules = [schedule for schedule in manifest.schedules if schedule.pipeline == one.handle]
            message = (
                f"a day of the pipeline '{one.handle}' is late after {one.late_after} hours, and an alarm of "
                f"CloudWatch looks back {MOST_HOURS}: there is none for it"
            )
            hint = "schedule it more often, or shorten 'deadline_minutes'; what fails is told all the same"
            yield Problem(id="PB982", message=message, place=schedules[0].place, hint=hint, warning=True)


def longest_gap(timing: Timing) -> float | None:
    """Return the most hours between two starts in the next year; None for one that never fires."""
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", timing.expression):
        return int(match[1]) * _HOURS[match[2]]
    # In UTC: where a clock jumps over the time of a start, a day is missing, and that is to be told. And the same days
    # for everybody: what is rendered depends on no clock.
    zone = timezone.utc
    start = datetime(2027, 1, 1, tzinfo=timezone.utc)
    at, longest = next_firing(timing.cron, zone, start), timedelta()
    for _ in range(_MOST):
        if at is None or at > start + timedelta(days=_DAYS):
            break
        following = next_firing(timing.cron, zone, at)
        longest = max(longest, following - at) if following else longest
        at = following
    return longest.total_seconds() / 3600 or None
