"""The clock of a rehearsal's state machines: pauses pass faster than they say, and end when something has changed."""

from __future__ import annotations

import threading
import time


class Clock:
    """Counts pauses, `pace` times as fast as the world.

    A pause is over early where an execution or an action has changed since the pause before it, so that nobody waits
    for what has happened.
    """

    def __init__(self, pace: float = 1.0) -> None:
        self.pace = pace
        self._changed = threading.Condition()
        self._changes = 0
        self._seen: dict[str, int] = {}
        self._over = False

    def enter(self, who: str) -> None:
        """Begin to count for somebody: what has changed before is known to them."""
        with self._changed:
            self._seen[who] = self._changes

    def change(self) -> None:
        """Say that something has changed."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let no pause last any longer."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def pause(self, who: str, seconds: float) -> None:
        """Return when the pause is over."""
        until = time.monotonic() + seconds / self.pace
        with self._changed:
            seen = self._seen.get(who, self._changes)
            while not self._over and self._changes == seen and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._seen[who] = self._changes

    def wait(self, seconds: float) -> None:
        """Return when something changes, or the seconds of this world are over."""
        with self._changed:
            if not self._over:
                self._changed.wait(seconds)
