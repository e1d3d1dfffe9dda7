"""Scales: from values to pixels, with the round numbers that stand at an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_LARGEST = 1e150
"""No difference of two such numbers is infinite."""
_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from `low` to `high`, drawn from the pixel `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value; what is beyond the axis is at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Tell whether a value is within the axis."""
        return self.low <= value <= self.high


def scale_of(values: Iterable[float], start: float, end: float, *, room: float = 0.06, zero: bool = False) -> Scale:
    """Return an axis on which all values are, with some `room` around them; from `zero` where lengths are compared."""
    found = [clamped(value) for value in values] or [0.0, 1.0]
    low, high = min(found), max(found)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        wide = abs(low) * 0.1 or 1.0
        low, high = (low, high + wide) if zero else (low - wide, high + wide)
    span = high - low
    return Scale(
        low=low - (0 if zero and low == 0 else span * room), high=high + span * room, start=float(start), end=float(end)
    )


def clamped(value: float) -> float:
    """Return a number that can be reckoned with."""
    return min(max(value, -_LARGEST), _LARGEST)


def ticks(scale: Scale, most: int = 5) -> list[float]:
    """Return round numbers within the axis, at most so many of them."""
    step = round_step((scale.high - scale.low) / most)
    first = math.ceil(scale.low / step - 1e-9)
    found = [index * step for index in range(first, first + most + 2)]
    return [0.0 if abs(value) < step * 1e-6 else value for value in found if scale.holds(value)]


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5, 10, … times a power of ten that isn't below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= least * (1 - 1e-9)), 10 * power)


def whole_ticks(scale: Scale, most: int = 8) -> list[float]:
    """Return whole numbers within the axis: versions have nothing between them."""
    step = max(math.ceil(round_step((scale.high - scale.low) / most)), 1)
    first = math.ceil(scale.low / step)
    return [float(index * step) for index in range(first, first + most + 2) if scale.holds(index * step)]


def time_ticks(scale: Scale, most: int = 6) -> list[tuple[float, str]]:
    """Return moments within an axis of seconds since 1970, at round hours or days (UTC), each with its words."""
    span = scale.high - scale.low
    steps = [60 * n for n in (1, 5, 15, 30, 60, 180, 360, 720)] + [
        _DAY * n for n in (1, 2, 7, 14, 30, 60, 90, 180, 365, 730, 1825, 3650)
    ]
    step = next((one for one in steps if span / one <= most), round_step(span / most))
    form = "%Y-%m-%d" if step >= _DAY else "%m-%d %H:%M"
    first = math.ceil(scale.low / step)
    found = [index * step for index in range(first, first + most + 2) if scale.holds(index * step)]
    return [(float(moment), f"{_moment(moment):{form}}") for moment in found]


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=min(max(seconds, -6e10), 2.5e11))
