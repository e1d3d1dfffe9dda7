"""The places for jobs that run at once: each step that runs has one, trials of a tuning take what is free besides."""

from __future__ import annotations

import threading
from collections.abc import Callable


def _nobody() -> None:
    """Nobody waits for a place."""


class Slots:
    """So many places. A step that runs keeps its own, so that each tuning can go on; for more it asks.

    `wake` is called when a place is given back that somebody may wait for.
    """

    def __init__(self, total: int, wake: Callable[[], None] = _nobody) -> None:
        self._total = total
        self._wake = wake
        self._used = 0
        self._wanted = False
        self._lock = threading.Lock()

    def seize(self) -> bool:
        """Take a place for a step, if there is one."""
        with self._lock:
            if self._used >= self._total:
                return False
            self._used += 1
            return True

    def want(self, wanted: bool) -> None:
        """Say whether steps wait for a place: as long as they do, no trial gets one of those that become free."""
        with self._lock:
            self._wanted = wanted

    def take(self) -> bool:
        """Take one more place for a trial, if there is one that no step waits for."""
        with self._lock:
            if self._wanted or self._used >= self._total:
                return False
            self._used += 1
            return True

    def give(self) -> None:
        """Give a place back."""
        with self._lock:
            self._used -= 1
            wanted = self._wanted
        if wanted:
            self._wake()
