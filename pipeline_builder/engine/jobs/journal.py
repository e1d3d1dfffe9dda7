"""What becomes of a job, written down as it happens, in the words of its Describe response."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

Members = dict[str, Any]
_UNPAID = ("Starting", "Interrupted")  # there is no machine then


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _nobody(members: Mapping[str, Any]) -> None:
    del members


class Journal:
    """The secondary statuses that a job goes through, with their times in seconds since 1970, and what else is known.

    `keep` gets all members where there is a new status that lasts, so that they are there for whoever asks meanwhile.
    """

    def __init__(
        self, keep: Callable[[Mapping[str, Any]], None] = _nobody, *, now: Callable[[], datetime] = _now
    ) -> None:
        self._keep = keep
        self._now = now
        self._story: list[Members] = []
        self._members: Members = {}
        self._ended = False

    def enter(self, status: str, message: str, *, at: datetime | None = None, lasting: bool = True) -> None:
        """Say that the job is in another secondary status from now on, or from a time that has passed."""
        time = round((at or self._now()).timestamp(), 3)
        if self._story:
            self._story[-1]["EndTime"] = time
        self._story.append({"Status": status, "StartTime": time, "StatusMessage": message})
        if lasting:
            self._keep(self.members)

    def end(self, status: str, message: str) -> None:
        """Say that the job has ended so, and how long it was at work; of a job that has ended already nothing."""
        if self._ended or not self._story:
            return
        self._ended = True
        self.enter(status, message, lasting=False)  # the record's end has it
        self._story[-1]["EndTime"] = self._story[-1]["StartTime"]
        self.add(TrainingTimeInSeconds=self._seconds(), BillableTimeInSeconds=self._seconds(*_UNPAID))

    def add(self, **members: Any) -> None:
        """Add members of the Describe response."""
        self._members.update(members)

    def tell(self) -> None:
        """Keep what is known, of a job that has no secondary statuses."""
        self._keep(self.members)

    @property
    def members(self) -> Members:
        """What is known so far."""
        if not self._story:
            return dict(self._members)
        story = [dict(part) for part in self._story]
        return {**self._members, "SecondaryStatus": story[-1]["Status"], "SecondaryStatusTransitions": story}

    def _seconds(self, *left_out: str) -> int:
        """Return the whole seconds, one at least, since the first machine was there, less those in some statuses."""
        begun = next((part["StartTime"] for part in self._story if part["Status"] != "Starting"), math.inf)
        parts = [part for part in self._story if part["StartTime"] >= begun and part["Status"] not in left_out]
        total: float = sum(part["EndTime"] - part["StartTime"] for part in parts)
        return max(1, math.ceil(total))
