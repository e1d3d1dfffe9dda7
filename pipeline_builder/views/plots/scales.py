"""Scales: from values to pixels, with the round numbers that stand at an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from pipeline_builder.views.formats import format_number

_LARGEST, _LEAST = 1e150, 1e-150
"""No difference of two such numbers is infinite, and no part of one is nothing."""
_DAY = 86_400
_MOST_DIGITS = 12


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
    return 0.0 if abs(value) < _LEAST else min(max(value, -_LARGEST), _LARGEST)


def ticks(scale: Scale, most: int = 5) -> list[float]:
    """Return round numbers within the axis, at most so many of them."""
    step = round_step((scale.high - scale.low) / most)
    first = math.ceil(scale.low / step - 1e-9)
    found = [index * step for index in range(first, first + most + 2)]
    return [0.0 if abs(value) < step * 1e-6 else value for value in found if scale.holds(value)]


def tick_words(found: Sequence[float], widest: int = 9) -> list[str]:
    """Return what stands at each of an axis's round numbers: with so many digits that each is that number.

    None has more letters than `widest` where its digits can be told in so many.
    """
    step = min((after - before for before, after in pairwise(found)), default=0.0) or max(map(abs, found), default=1.0)
    decimals, digits = _decimals(step or 1.0), _digits(found, step or 1.0)
    forms = (
        [format_number(round(value, 12)) for value in found],
        [f"{value:,.{decimals}f}" for value in found],
        [f"{value:.{decimals}f}" for value in found],
        [f"{value:.{digits}e}" if value else "0" for value in found],
    )
    short = (words for words in forms if max(map(len, words), default=0) <= widest)
    told = (words for words in short if all(_says(*pair, step) for pair in zip(words, found, strict=True)))
    return next(told, [f"{value:.3g}" for value in found])


def _decimals(step: float) -> int:
    """Return after how many decimals a step is told: 0.25 has one more than 0.2."""
    least = min(max(0, -math.floor(math.log10(step))), _MOST_DIGITS)
    return least if math.isclose(round(step, least), step) else least + 1


def _digits(found: Sequence[float], step: float) -> int:
    """Return how many digits after the first tell a step."""
    return min(max(0, math.ceil(math.log10(max(map(abs, found), default=1.0) / step))), _MOST_DIGITS)


def _says(text: str, value: float, step: float) -> bool:
    """Tell whether a text is no other number than the value."""
    return abs(float(text.replace(",", "")) - value) <= step * 0.01


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
