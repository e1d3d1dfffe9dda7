"""Trainings of a tuning that are stopped before their end, because others have done better by then.

Sources: "Stop Training Jobs Early" (the median of the running averages) and "Hyperband" of the developer guide, which
doesn't say more of rungs than that training jobs that do poorly are stopped.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.trials import CONFIG, DEFINITION, objective

_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
_FEWEST = 3
"""Trainings that have ended before a median says anything."""
_REDUCTION = 3
LOOK = 1.0
"""Seconds between two looks at the logs."""


class Early:
    """Says which of the running trials are to be stopped; `series` are the objectives that a trial's log has so far."""

    def __init__(self, request: Request) -> None:
        config: Mapping[str, Any] = request.get(CONFIG) or {}
        self._hyperband = config.get("Strategy") == "Hyperband"
        self._median = config.get("TrainingJobEarlyStoppingType") == "Auto"
        self._rungs = _rungs(request, config) if self._hyperband else ()
        self._sign = -1.0 if objective(request).get("Type") == "Maximize" else 1.0
        self._series: dict[int, list[float]] = {}
        self._looked = time.monotonic()

    @property
    def is_wanted(self) -> bool:
        """Whether trainings are stopped early at all."""
        return self._hyperband or self._median

    @property
    def is_due(self) -> bool:
        """Whether it is time for another look; never where no training is stopped early."""
        if not self.is_wanted or time.monotonic() - self._looked < LOOK:
            return False
        self._looked = time.monotonic()
        return True

    def see(self, number: int, series: Sequence[float]) -> None:
        """Take note of what a trial's log says."""
        self._series[number] = [self._sign * value for value in series]

    def worse(self, running: Iterable[int], ended: Iterable[int]) -> list[int]:
        """Return the running trials that aren't worth going on."""
        past = [self._series[number] for number in ended if self._series.get(number)]
        return [
            number for number in running if (self._is_late(number) if self._hyperband else self._is_worse(number, past))
        ]

    def _is_worse(self, number: int, past: Sequence[Sequence[float]]) -> bool:
        """Compare with the median of the running averages of those that have ended, up to the same epoch.

        Of the epochs that a look has missed, that is the last one that enough of them have come to.
        """
        own = self._series.get(number) or []
        lengths = sorted((len(series) for series in past), reverse=True)
        if not own or len(lengths) < _FEWEST:
            return False
        epoch = min(len(own), lengths[_FEWEST - 1])
        averages = [statistics.fmean(series[:epoch]) for series in past if len(series) >= epoch]
        return own[epoch - 1] > statistics.median(averages)

    def _is_late(self, number: int) -> bool:
        """Tell whether a trial is at a rung, and not in the best third of those that have come there."""
        own = self._series.get(number) or []
        reached = [rung for rung in self._rungs if len(own) >= rung]
        if not reached:
            return False
        rung = reached[-1]
        there = sorted(min(series[:rung]) for series in self._series.values() if len(series) >= rung)
        kept = max(1, len(there) // _REDUCTION)
        return len(there) >= _REDUCTION and min(own[:rung]) > there[kept - 1]


def _rungs(request: Request, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the epochs at which trials are compared: each time three times as many."""
    given = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    static = (request.get(DEFINITION) or {}).get("StaticHyperParameters") or {}
    epochs = next((static[name] for name in _EPOCHS if name in static), "")
    most = int(given.get("MaxResource") or (epochs if str(epochs).isdecimal() else 0) or 81)
    rung, found = int(given.get("MinResource") or 1), []
    while rung < most:
        found.append(rung)
        rung *= _REDUCTION
    return tuple(found)
