"""The timeline of a run: when each step ran, what the whole had to wait for, and where the time went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline_builder.release.record import StepRecord
from pipeline_builder.views.formats import format_duration

_TICKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step in the timeline: where its bar begins and how long it is, in percent of the whole run.

    `waited` are the seconds between when all that it needs was there and its start; `critical` says that the whole run
    had to wait for it. `state` is what became of it, in a word.
    """

    step: StepRecord
    state: str
    offset: float
    length: float
    seconds: float | None
    waited: float | None
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gantt:
    """All bars, the steps that the whole had to wait for, how long these ran, and the axis."""

    bars: tuple[Bar, ...]
    path: tuple[str, ...]
    path_seconds: float
    seconds: float
    ticks: tuple[tuple[float, str], ...]


def gantt_of(steps: Sequence[StepRecord], started: datetime, now: datetime | None = None) -> Gantt:
    """Return the timeline of a run that has `started`; what goes on ends `now`, where that is given."""
    begins = [step.started for step in steps if step.started]
    begin = min(begins, default=started)
    end = max([begin, *filter(None, (_end(step, now) for step in steps))])
    whole = max((end - begin).total_seconds(), 0.001)
    path = critical_path(steps, now)
    on_path, ended = {*path}, {step.name: step.ended for step in steps}
    bars = tuple(_bar(step, begin, whole, ended, step.name in on_path, now) for step in steps)
    ran = sum(bar.seconds or 0.0 for bar in bars if bar.critical)
    ticks = tuple((part * 100 / _TICKS, format_duration(whole * part / _TICKS)) for part in range(_TICKS + 1))
    return Gantt(bars=bars, path=path, path_seconds=ran, seconds=whole if begins else 0.0, ticks=ticks)


def _bar(  # noqa: PLR0917 - a step, the axis, and what is known of the others
    step: StepRecord, begin: datetime, whole: float, ended: Mapping[str, datetime | None], critical: bool,
    now: datetime | None,
) -> Bar:  # fmt: skip
    end = _end(step, now)
    seconds = (end - step.started).total_seconds() if step.started and end else None
    offset = (step.started - begin).total_seconds() / whole * 100 if step.started else 0.0
    offset = min(max(offset, 0.0), 99.5)
    return Bar(
        step=step,
        state=state_of(step),
        offset=offset,
        length=max(min((seconds or 0.0) / whole * 100, 100 - offset), 0.5),
        seconds=None if took_nothing(step) else seconds,
        waited=_waited(step, begin, [ended.get(name) for name in step.depends_on]),
        critical=critical,
    )


def _end(step: StepRecord, now: datetime | None) -> datetime | None:
    return step.ended or (now if step.status in ("Executing", "Stopping") else None)


def _waited(step: StepRecord, begin: datetime, before: Iterable[datetime | None]) -> float | None:
    """Return how long a step has waited for a machine, or its turn; None where that can't be told."""
    ready = max([begin, *filter(None, before)])
    return max((step.started - ready).total_seconds(), 0.0) if step.started else None


def took_nothing(step: StepRecord) -> bool:
    """Tell whether a step has not run, as its result was there."""
    return bool(step.cache_hit or step.stub)


def state_of(step: StepRecord) -> str:
    """Return what became of a step, in a word."""
    return "cached" if step.cache_hit else "stub" if step.stub else step.status


def critical_path(steps: Sequence[StepRecord], now: datetime | None = None) -> tuple[str, ...]:
    """Return the steps that the whole run had to wait for, in their order: from the last to end back, always by what
    ended last of all that a step needs.
    """
    ends = {step.name: end for step in steps if step.started and (end := _end(step, now))}
    by_name = {step.name: step for step in steps}
    name = max(ends, key=lambda one: ends[one], default=None)
    path: list[str] = []
    while name is not None and name not in path:
        path.append(name)
        before = [one for one in by_name[name].depends_on if one in ends]
        name = max(before, key=lambda one: ends[one], default=None)
    return tuple(reversed(path))
