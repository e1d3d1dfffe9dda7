"""What comes next: schedules, who watches, what was asked to be trained anew, and days that are late."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline_builder.checkout.heads import parse_handled
from pipeline_builder.console.look import Look
from pipeline_builder.console.scoring.shelf import days_of
from pipeline_builder.gitops.alone import FOLDER
from pipeline_builder.machine.held import is_held
from pipeline_builder.manifest.cron import cron_faults, next_firing
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.schedules import Schedule
from pipeline_builder.release.scoring.requests import Request
from pipeline_builder.release.scoring.retraining import describe
from pipeline_builder.views.asked import noted_requests

_BACK = 7
"""Days in which a day that should have been scored is looked for."""
_MOST_FIRINGS = 200
_AROUND = 60
"""Minutes of a run's builds before and after it."""
_ASKED = 60.0
_MOST_REQUESTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A schedule: `next` is None where it never fires, or counts from when it was deployed (`rate`), or is wrong."""

    name: str
    pipeline: str
    words: str
    timezone: str
    groups: tuple[str, ...]
    enabled: bool
    next: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A watch on this machine's state: `on` is None where it can't be told. `code` is how its last run ended, None
    where it has run none.
    """

    on: bool | None
    who: str
    runs: int = 0
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A request for retraining that isn't settled, and where it stands in words."""

    group: str
    version: int
    cause: str
    requested: str
    state: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A pipeline that scores: `dates` are those that its schedules have asked for and nobody has scored in time;
    `last` is the newest date that was, `status` what became of it.
    """

    pipeline: str
    dates: tuple[str, ...]
    last: str
    status: str


# --- schedules


def coming_of(manifest: Manifest | None, now: datetime) -> tuple[Coming, ...]:
    """Return the schedules, the next one first."""
    found = [_coming(schedule, now) for schedule in manifest.schedules] if manifest else []
    return tuple(sorted(found, key=lambda one: (one.next is None, one.next or now, one.name)))


def _coming(schedule: Schedule, now: datetime) -> Coming:
    section, why, at = schedule.section, "", None
    zone = zone_of(section.timezone)
    if not section.enabled:
        why = "switched off"
    elif section.rate:
        why = "counts from when it was deployed"
    elif faults := cron_faults(section.cron):
        why = faults[0]
    elif zone is None:
        why = "this machine doesn't know its timezone"
    else:
        at = next_firing(section.cron, zone, now)
        why = "" if at else "never again"
    return Coming(
        name=section.name,
        pipeline=schedule.pipeline,
        words=f"cron {section.cron}" if section.cron else f"every {section.rate}",
        timezone=section.timezone,
        groups=tuple(section.groups),
        enabled=section.enabled,
        next=at.astimezone(timezone.utc) if at else None,
        why=why,
    )


def zone_of(name: str) -> ZoneInfo | None:
    """Return a timezone; None where this machine has none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


# --- who watches


def watching_of(look: Look) -> Watching | None:
    """Return what is known of a watch on this machine's state; None where none ever was."""
    folder = look.session.workspace.state / FOLDER
    if look.target.name != "local" or not folder.is_dir():
        return None
    who, handled = "", None
    with contextlib.suppress(OSError, UnicodeDecodeError):
        who = (folder / "lock").read_text("utf-8")[:200].strip()
    with contextlib.suppress(OSError):
        handled = parse_handled((folder / "heads.json").read_bytes())
    return Watching(
        on=is_held(folder / "lock"),
        who=who,
        runs=handled.number if handled else 0,
        code=handled.code if handled else None,
    )


# --- what was asked for


def retraining_of(look: Look) -> tuple[Retraining, ...]:
    """Return the requests for retraining that nobody has answered yet, the newest first."""
    if look.manifest is None or not look.manifest.infers or not look.may_see_requests:
        return ()
    names = tuple(dict.fromkeys(look.names.values()))
    found: Sequence[Request] = look.attempt(
        lambda: look.once(("requests", names), _ASKED, lambda: noted_requests(look.target, names)), ()
    )
    return tuple(_retraining(one) for one in found if one.state != "settled")[:_MOST_REQUESTS]


def _retraining(request: Request) -> Retraining:
    return Retraining(
        group=request.group,
        version=request.version,
        cause=request.cause,
        requested=request.requested,
        state=request.state,
        words=describe(request),
    )


# --- what is late


def late_of(look: Look) -> tuple[Late, ...]:
    """Return the pipelines that score and have dates that are late."""
    manifest, names = look.manifest, look.names
    if manifest is None:
        return ()
    found = [
        _late(look, names[entry.name], tuple(_due(manifest, entry.name, look.now())))
        for entry in manifest.pipelines
        if entry.is_inference and entry.name in names
    ]
    return tuple(one for one in found if one and one.dates)


def _due(manifest: Manifest, handle: str, now: datetime) -> Iterator[str]:
    """Yield the logical dates that a pipeline's schedules should have had scored by now."""
    longest = manifest.service.run_timeout_minutes + _AROUND
    for schedule in manifest.schedules:
        section = schedule.section
        zone = zone_of(section.timezone)
        if schedule.pipeline != handle or not section.enabled or not section.cron or zone is None:
            continue
        if cron_faults(section.cron):
            continue
        end = now - timedelta(minutes=section.deadline_minutes or longest)
        at = next_firing(section.cron, zone, end - timedelta(days=_BACK))
        for _ in range(_MOST_FIRINGS):
            if at is None or at > end:
                break
            yield f"{at.astimezone(timezone.utc):%Y-%m-%d}"
            at = next_firing(section.cron, zone, at)


def _late(look: Look, pipeline: str, due: tuple[str, ...]) -> Late | None:
    if not due:
        return None
    days = days_of(look, pipeline)
    done = {day.date[:10] for day in days if day.is_done}
    first = min((day.date[:10] for day in days), default="")
    # Before its first day a pipeline wasn't used yet.
    missing = sorted({date for date in due if date not in done and (date >= first or not first)})
    newest = max(days, key=lambda day: day.date, default=None)
    return Late(
        pipeline=pipeline,
        dates=tuple(missing),
        last=newest.date if newest else "",
        status=newest.status if newest else "",
    )
