"""A sketch of a column's numbers: a bounded number of them with weights, from which every rank follows within a bound.

It is a KLL sketch (Karnin, Lang, Liberty: Optimal Quantile Approximation in Streams, 2016) as Model Monitor's
statistics have one: level `h` has values of the weight 2**h. A level that is compacted keeps every second of its sorted
values, the even and the odd ones by turns, so that the same data give the same sketch; each compaction moves no rank by
more than the level's weight, and the sum of these is a bound that holds for certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# Values up to which all of them are kept, and a column's distribution is exact.
EXACT = 10_000
SIZE = 8192
LEAST = 64


class Sketch:
    """At most about `size` values of a column of any length; `error` bounds the ranks' error as a share of all."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = max(LEAST, size)
        self.count = 0
        self._levels: list[Any] = [np.empty(0)]
        self._turns: list[int] = [0]
        self._moved = 0

    @classmethod
    def of(cls, data: Sequence[Sequence[float]], error: float = 0.0) -> Sketch:
        """Return the sketch that has been written as `data`."""
        found = cls()
        found._levels = [np.asarray(level, dtype=float) for level in data] or [np.empty(0)]
        found._turns = [0] * len(found._levels)
        found.count = sum(len(level) * 2**h for h, level in enumerate(found._levels))
        found._moved = math.ceil(error * found.count)
        return found

    @property
    def error(self) -> float:
        """Return by how much a rank may be wrong at most, as a share of all values."""
        return self._moved / self.count if self.count else 0.0

    @property
    def data(self) -> list[list[float]]:
        """Return the values of each level."""
        return [[float(value) for value in np.sort(level)] for level in self._levels]

    def add(self, values: Any) -> None:
        """Take in finite numbers."""
        if not len(values):
            return
        self.count += len(values)
        self._levels[0] = np.concatenate([self._levels[0], np.asarray(values, dtype=float)])
        most = EXACT if self.size >= SIZE else self.size
        if len(self._levels) > 1 or self.count > most:
            self._compact()

    def _compact(self) -> None:
        level = 0
        while sum(map(len, self._levels)) > self.size:
            if len(self._levels[level]) > 1:
                self._lift(level)
            level += 1

    def _lift(self, level: int) -> None:
        """Replace a level's values by every second of them, one level higher; an odd one stays."""
        if level + 1 == len(self._levels):
            self._levels.append(np.empty(0))
            self._turns.append(0)
        values = np.sort(self._levels[level])
        rest = values[len(values) - len(values) % 2 :]
        chosen = values[self._turns[level] : len(values) - len(rest) : 2]
        self._turns[level] = 1 - self._turns[level]
        self._levels[level] = rest
        self._levels[level + 1] = np.concatenate([self._levels[level + 1], chosen])
        self._moved += 2**level

    def weighted(self) -> tuple[Any, Any]:
        """Return the sorted values, and the weight of each."""
        values = np.concatenate(self._levels)
        weights = np.concatenate([np.full(len(level), 2**h, dtype=float) for h, level in enumerate(self._levels)])
        order = np.argsort(values, kind="mergesort")
        return values[order], weights[order]


def quantiles(weighted: tuple[Any, Any], shares: Sequence[float]) -> Any:
    """Return the values at these shares of the whole weight: of each the smallest that has so much up to it."""
    values, weights = weighted
    ranks = np.cumsum(weights)
    wanted = np.asarray(shares) * ranks[-1]
    return values[np.minimum(np.searchsorted(ranks, wanted, side="left"), len(values) - 1)]


def representatives(weighted: tuple[Any, Any], most: int | None = 20_000) -> Any:
    """Return numbers that are distributed as the whole: all of them where none is left out, else `most`."""
    values, weights = weighted
    if not len(values) or (weights[0] == weights).all():
        return values
    total = int(weights.sum())
    points = min(total, most or total)
    return quantiles(weighted, (np.arange(points) + 0.5) / points)
