"""Scores and drift over time: a model's days as lines, for the report."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline_builder.views.drift import worst_drift

if TYPE_CHECKING:
    from pipeline_builder.release.scoring.ledger import LedgerDay

WIDTH, HIGH, LOW = 900, 150, 46
"""Of the axes in pixels: of the drift's, and of the rows' below it."""
_MOST_SLOTS = 400
_MOST_WORDS = 16
_SHORT, _LONG = 30, 80
"""Pixels between the words of two turns."""
_CUT = 4
"""The axis ends at so many times the bound: one wild day would make a flat line of all others."""
_TONES = {"published": "good", "blocked": "bad", "failed": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the ledger has of a model's logical date; `drift` is the worst column's, None where nobody has watched."""

    model: str
    date: str
    version: int
    status: str
    rows: int | None = None
    drift: float | None = None
    violations: int = 0
    actions: tuple[str, ...] = ()
    published: str = ""
    execution: str = ""


def day_of(noted: LedgerDay) -> Day:
    """Return what the ledger has of a model's logical date."""
    monitor = noted.monitor
    return Day(
        model=noted.model,
        date=noted.date,
        version=noted.package.version,
        status=noted.status,
        rows=noted.rows.input,
        drift=worst_drift(monitor.drift) if monitor else None,
        violations=monitor.violations if monitor else 0,
        actions=monitor.actions if monitor else (),
        published=noted.publication.pointer if noted.publication and noted.status == "published" else "",
        execution=noted.execution.rsplit("/", 1)[-1],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A day in the drawing; `y` is None where it has no drift."""

    x: float
    y: float | None
    height: float
    tone: str
    day: Day
    now: bool
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where another version was used first; `named` where there is room for a word, `long` where for a longer."""

    x: float
    version: int
    named: bool
    long: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Days that nobody has scored, between others."""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A model's days: the line in pieces, as it stops at a gap."""

    model: str
    dots: tuple[Dot, ...]
    lines: tuple[str, ...]
    gaps: tuple[Gap, ...]
    turns: tuple[Turn, ...]
    ticks: tuple[tuple[float, str], ...]
    bound: float | None
    bound_y: float
    top: float
    most_rows: int
    bar: float
    missing: int


def timelines(days: Sequence[Day], *, now: str, bounds: dict[str, float]) -> list[Timeline]:
    """Return a drawing for each model that has more than one day; `now` is the day of the report."""
    models = dict.fromkeys(day.model for day in days)
    drawn = [_timeline([day for day in days if day.model == model], now, bounds.get(model)) for model in models]
    return [timeline for timeline in drawn if timeline and len(timeline.dots) > 1]


def moment_of(date: str) -> datetime | None:
    """Return the beginning of a logical date, a day or an hour; None for anything else."""
    with contextlib.suppress(ValueError):
        return datetime.strptime(date, "%Y-%m-%dT%H" if "T" in date else "%Y-%m-%d")  # noqa: DTZ007 - nobody's zone
    return None


def _timeline(days: Sequence[Day], now: str, bound: float | None) -> Timeline | None:
    dated = sorted(((when, day) for day in days if (when := moment_of(day.date))), key=lambda pair: pair[0])
    if not dated:
        return None
    unit = timedelta(hours=1) if any("T" in day.date for _, day in dated) else timedelta(days=1)
    last = dated[-1][0]
    dated = [(when, day) for when, day in dated if (last - when) / unit < _MOST_SLOTS]
    first = dated[0][0]
    slots = round((last - first) / unit) + 1
    slot = WIDTH / slots
    top = _top([day.drift for _, day in dated if day.drift is not None], bound)
    most = max((day.rows or 0 for _, day in dated), default=0) or 1
    dots = tuple(_dot(round((when - first) / unit), day, slot, top, most, now) for when, day in dated)
    gaps = _gaps([round((when - first) / unit) for when, _ in dated], slot)
    return Timeline(
        model=dated[0][1].model,
        dots=dots,
        lines=_lines(dots, slot),
        gaps=gaps,
        turns=_turns(dots, slot),
        ticks=_ticks(dots, slot),
        bound=bound,
        bound_y=round(HIGH - min((bound or 0.0) / top, 1.0) * HIGH, 1),
        top=top,
        most_rows=most,
        bar=round(max(slot * 0.6, 1.0), 2),
        missing=slots - len(dots),
    )


def _top(found: Sequence[float], bound: float | None) -> float:
    """Return the axis's upper end: a round number above all that is drawn."""
    greatest = max([*found, (bound or 0.0) * 1.2]) if found or bound else 1.0
    greatest = min(greatest, bound * _CUT) if bound else greatest
    if greatest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(greatest))
    return float(next(step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if greatest <= step * power))


def _dot(index: int, day: Day, slot: float, top: float, most: int, now: str) -> Dot:  # noqa: PLR0917
    tone = "wait" if day.status == "published" and day.violations else _TONES.get(day.status, "wait")
    y = None if day.drift is None else round(HIGH - min(max(day.drift, 0.0) / top, 1.0) * HIGH, 1)
    height = round((day.rows or 0) / most * LOW, 1)
    over = day.drift is not None and day.drift > top
    return Dot(x=round((index + 0.5) * slot, 1), y=y, height=height, tone=tone, day=day, now=day.date == now, over=over)


def _lines(dots: Sequence[Dot], slot: float) -> tuple[str, ...]:
    """Return the line's pieces: it goes from a day to the next only."""
    pieces: list[list[Dot]] = []
    for dot in dots:
        if dot.y is None:
            continue
        if pieces and dot.x - pieces[-1][-1].x < slot * 1.5:
            pieces[-1].append(dot)
        else:
            pieces.append([dot])
    return tuple("M" + " L".join(f"{dot.x} {dot.y}" for dot in piece) for piece in pieces if len(piece) > 1)


def _gaps(indices: Sequence[int], slot: float) -> tuple[Gap, ...]:
    found = []
    for before, after in pairwise(indices):
        if (count := after - before - 1) > 0:
            words = f"{count} not scored"
            found.append(Gap(x=round((before + 1) * slot, 1), width=round(count * slot, 1), words=words))
    return tuple(found)


def _turns(dots: Sequence[Dot], slot: float) -> tuple[Turn, ...]:
    found: list[Turn] = []
    named = -math.inf
    for before, after in pairwise(dots):
        if after.day.version == before.day.version:
            continue
        x = round(after.x - slot / 2, 1)
        room = x - named
        found.append(
            Turn(x=x, version=after.day.version, named=room > _SHORT, long=room > _LONG < x < WIDTH - _LONG / 2)
        )
        named = x if room > _SHORT else named
    return tuple(found)


def _ticks(dots: Sequence[Dot], slot: float) -> tuple[tuple[float, str], ...]:
    """Return as many dates as there is room for, evenly; the last always."""
    every = max(math.ceil(len(dots) / _MOST_WORDS), math.ceil(56 / slot))
    chosen = [dot for index, dot in enumerate(reversed(dots)) if index % every == 0]
    return tuple((dot.x, dot.day.date[5:].replace("T", " ")) for dot in reversed(chosen))


def with_this(days: Sequence[Day], this: Sequence[Day]) -> list[Day]:
    """Return the ledger's days with those of the report's own run in their place, which the ledger may not have yet."""
    own = {(day.model, day.date): day for day in this}
    kept = [own.pop((day.model, day.date), day) for day in days]
    return [*kept, *own.values()]
