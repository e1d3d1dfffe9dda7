"""How a job is asked to end: by whom, and how many seconds it then has to save what it has."""

from __future__ import annotations

import math
import threading
import time
from datetime import datetime, timezone

from pipeline_builder.engine.jobs.job import Command, Job, JobEnd

AT_ONCE = 5.0
"""Seconds where a person or the system ends this program itself."""
_LOOK = 0.1


class Stop(threading.Event):
    """Set where a job is to end; `grace` is what it then has: of all who ask, the least.

    One that is `below` another is set with it.
    """

    def __init__(self, below: Stop | None = None) -> None:
        super().__init__()
        self._above = below
        self._grace = math.inf

    def ask(self, grace: float) -> None:
        """Ask for the end; whoever has asked before stays asked."""
        self._grace = min(grace, self._grace)
        super().set()

    def set(self) -> None:
        """Ask for the end at once."""
        self.ask(AT_ONCE)

    def is_set(self) -> bool:
        return super().is_set() or (self._above is not None and self._above.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it as for an event."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := deadline - time.monotonic()) > 0:
            super().wait(min(_LOOK, left))
        return self.is_set()

    @property
    def grace(self) -> float:
        least = min(self._grace, self._above.grace if self._above is not None else math.inf)
        return least if self._above is None or math.isfinite(least) else AT_ONCE

    @property
    def alone(self) -> bool:
        """Whether only this job was asked, and not all of them."""
        return super().is_set() and not (self._above is not None and self._above.is_set())


class Ending:
    """When a job is told to end, why, and how long it then has."""

    def __init__(self, stop: threading.Event, grace: float, job: Job | Command) -> None:
        self._stop = stop
        self._grace = grace
        interrupt = job.interrupt if isinstance(job, Job) else None
        at = {JobEnd.TIMED_OUT: job.timeout} | ({} if interrupt is None else {JobEnd.INTERRUPTED: interrupt})
        self._due = {end: time.monotonic() + seconds for end, seconds in at.items()}
        self._until = math.inf
        self.end = JobEnd.EXITED
        self.told: datetime | None = None

    def order(self) -> bytes:
        """Return what the supervisor is to be told now, mostly nothing."""
        now = time.monotonic()
        if self._stop.is_set():
            self.end = JobEnd.STOPPED if self.end is JobEnd.EXITED else self.end
            grace = self._stop.grace if isinstance(self._stop, Stop) else self._grace
        elif self.end is JobEnd.EXITED and (late := [end for end, due in self._due.items() if now >= due]):
            self.end, grace = late[0], self._grace
        else:
            return b""
        if now + grace >= self._until:  # it was told that it has less
            return b""
        self._until = now + grace
        self.told = self.told or datetime.now(timezone.utc)
        return b"stop %.3f\n" % grace
