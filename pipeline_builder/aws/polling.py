"""Following an execution: how often to look, and what to tell. The clock comes from outside."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.target import Observer

SHORTEST, LONGEST = 3.0, 25.0
"""Seconds between two looks: short while steps come and go, never so long that an end is noticed half a minute late."""
_DESCRIBE_EVERY = 300.0


@dataclass(slots=True, kw_only=True)
class Clock:
    """Time and sleep, in seconds, as a test may give them."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform


@dataclass(slots=True, kw_only=True)
class Pace:
    """Decides how long to wait: after a change little, then longer and longer, each a bit at random.

    Many builds that wait at once don't ask at once, for they would only be throttled.
    """

    clock: Clock
    interval: float = SHORTEST
    described: float = field(default=float("-inf"))

    def wait(self, *, changed: bool) -> None:
        """Sleep until the next look."""
        self.interval = SHORTEST if changed else min(self.interval * 1.5, LONGEST)
        self.clock.sleep(self.interval * self.clock.jitter(0.8, 1.0))

    def is_time_to_describe(self, *, going_on: bool) -> bool:
        """Tell whether the execution itself has to be looked at.

        While a step runs, its end shows in the list of steps, which has to be asked for anyway; only between steps, and
        now and then, the execution may have ended.
        """
        if going_on and self.clock.now() - self.described < _DESCRIBE_EVERY:
            return False
        self.described = self.clock.now()
        return True


class Changes:
    """Tells an observer of each step's change, once."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._seen: dict[str, StepState] = {}

    def tell(self, states: tuple[StepState, ...]) -> bool:
        """Tell what is new; return whether anything was."""
        new = [s for s in states if s.status is not StepStatus.WAITING and self._seen.get(s.name) != s]
        for state in new:
            self._seen[state.name] = state
            self._observe(state)
        return bool(new)
