"""How a tuning chooses the values of its next trial, by its strategy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.optimiser import REQUIREMENTS, Optimiser, optimising
from pipeline_builder.engine.jobs.proposals import Range, Values, drawn, grid, ranges_of
from pipeline_builder.engine.jobs.tools import Tools
from pipeline_builder.engine.jobs.trials import CONFIG, objective

_FEW, _SHARE = 10, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when a trial is to begin: ends of others with their objectives, and those that run; by number.

    `before` are the trials of the tuning's parents.
    """

    ended: Mapping[int, tuple[Values, float | None]] = field(default_factory=dict)
    running: Mapping[int, Values] = field(default_factory=dict)
    before: Sequence[tuple[Values, float | None]] = ()


class Chooser(Protocol):
    """Chooses values."""

    def choose(self, number: int, known: Known) -> Values | None:
        """Return the values of a trial; None where others have to end before that can be said."""


class Listed:
    """Values that are known from the start on."""

    def __init__(self, values: Iterator[Values]) -> None:
        self._values = values
        self._known: list[Values] = []

    def choose(self, number: int, known: Known) -> Values | None:
        """Return the values of a trial."""
        del known
        self._known += itertools.islice(self._values, max(0, number + 1 - len(self._known)))
        return self._known[number]


class Bayesian:
    """Values by what those before have come to; the first few are drawn.

    With a seed a trial looks at none that might still run when it begins in another run, so that the same seed chooses
    the same: those that are `window` and more before it have to have ended.
    """

    def __init__(
        self, ranges: Sequence[Range], optimiser: Optimiser, *, seed: str, maximize: bool, window: int, first: int
    ) -> None:
        self._ranges = ranges
        self._optimiser = optimiser
        self._seed = seed
        self._maximize = maximize
        self._window = window
        self._first = first
        self._drawn = Listed(drawn(ranges, seed))

    def choose(self, number: int, known: Known) -> Values | None:
        """Return the values of a trial, None where one before it has to end first."""
        if number < self._first and not known.before:
            return self._drawn.choose(number, known)
        ended, running = dict(known.ended), dict(known.running)
        if self._window:
            last = number - self._window
            if any(other not in ended for other in range(last + 1)):
                return None
            running |= {other: values for other, (values, _) in ended.items() if last < other < number}
            ended = {other: end for other, end in ended.items() if other <= last}
        return self._optimiser.choose(
            self._ranges,
            seed=f"{self._seed}/{number}",
            maximize=self._maximize,
            ended=[*known.before, *(ended[other] for other in sorted(ended))],
            running=[running[other] for other in sorted(running) if other < number],
        )


def count_of(request: Request) -> int:
    """Return how many trials a tuning has at most: of a grid its combinations, where nothing else is said."""
    limits = (request.get(CONFIG) or {}).get("ResourceLimits") or {}
    most = limits.get("MaxNumberOfTrainingJobs")
    if _strategy(request) != "Grid":
        return int(most or 1)
    combinations = math.prod(len(given.values) for given in ranges_of(request))
    return min(combinations, int(most)) if most else combinations


def parallel_of(request: Request) -> int:
    """Return how many trials a tuning has at once."""
    limits = (request.get(CONFIG) or {}).get("ResourceLimits") or {}
    return int(limits.get("MaxParallelTrainingJobs") or 1)


def _strategy(request: Request) -> str:
    return str((request.get(CONFIG) or {}).get("Strategy"))


@contextmanager
def choosing(request: Request, tools: Tools, seed: str, *, warm: bool) -> Iterator[Chooser]:
    """Give what chooses a tuning's values; `seed` is what it takes where the request has none."""
    given: Any = (request.get(CONFIG) or {}).get("RandomSeed")
    ranges, total, parallel = ranges_of(request), count_of(request), parallel_of(request)
    seed = seed if given is None else str(given)
    first = max(parallel, min(_FEW, total // _SHARE))
    match _strategy(request):
        case "Grid":
            yield Listed(grid(ranges))
        case "Bayesian" if total > first or warm:
            python = tools.environments.get((REQUIREMENTS,), observe=tools.observe, stop=tools.stop)
            with optimising(python, tools.folder / "optimiser.txt") as optimiser:
                yield Bayesian(
                    ranges,
                    optimiser,
                    seed=seed,
                    maximize=objective(request).get("Type") == "Maximize",
                    window=0 if given is None else parallel,
                    first=first,
                )
        case _:
            yield Listed(drawn(ranges, seed))
