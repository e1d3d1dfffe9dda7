"""A logical date is worked on by one: who does holds an object, and renews it as long as it lives.

On both targets it is the same: a process of this machine that is over holds nothing, one of another machine until its
time is up. That two don't publish one date over each other rests on the pointer (`publishing`), and not on this.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import PipelineBuilderError, PlanRefused, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.life import Life, is_over, own_life
from pipeline_builder.machine.people import login_name
from pipeline_builder.release.metrics import number_of
from pipeline_builder.target import Media, ObjectStore, Target

LEASE, BEAT = 120.0, 30.0
"""Seconds that a date is held without a sign of life, and between two of these."""
_LOOK, _SIGN, _SKEW = 1.0, BEAT + 5, 900.0
"""Seconds between two looks at a date that another machine holds, in which that gives a sign of its life at least, and
by which its clock may be wrong: with more AWS answers nobody.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Seconds since 1970, and how they pass."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def holding_uri(target: Target, pipeline: str, date: str) -> str:
    """Return where it is noted who works on a logical date."""
    return f"{target.base(pipeline)}/ledger/.days/{date}.json"


@contextmanager
def hold_day(target: Target, pipeline: str, date: str, *, clock: Clock | None = None) -> Iterator[None]:
    """Hold a logical date while the body runs.

    Raises:
        PlanRefused: PB975 where somebody else works on it.
    """
    hold = _Hold(target.store, holding_uri(target, pipeline, date), f"{date} of '{pipeline}'", clock or Clock())
    hold.take()
    ended = threading.Event()
    beating = threading.Thread(target=hold.beat, args=(ended,), name=f"hold {date}", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        hold.release()


class _Hold:
    def __init__(self, store: ObjectStore, uri: str, about: str, clock: Clock) -> None:
        self._store, self._uri, self._about, self._clock = store, uri, about, clock
        self._me = {"token": uuid.uuid4().hex, "who": f"{login_name()} on {socket.gethostname()}", **asdict(own_life())}
        self._mark = ""

    def take(self) -> None:
        """Take the date, also from somebody whose life is over, or who gives no sign of it.

        Raises:
            PlanRefused: PB975.
        """
        seen, deadline = "", 0.0
        while True:
            content, mark = self._store.read(self._uri) or (b"", "")
            held, now = _read(content), self._clock.now()
            if not seen:
                seen, deadline = mark, now + self._wait(held, now)
            if now >= deadline or is_over(_life(held)):
                if self._write(mark, LEASE):
                    return
                seen = ""
            elif mark != seen or held.get("machine") == self._me["machine"]:
                raise PlanRefused(self._taken(held))
            else:
                # Whoever lives gives a sign within a beat.
                self._clock.sleep(min(_LOOK, deadline - now))

    def _wait(self, held: dict[str, JSON], now: float) -> float:
        """Return how long to look for a sign of life: on another machine it may only seem that its time is up."""
        until, left = _until(held), _left(held, now)
        elsewhere = until > 0 and held.get("machine") != self._me["machine"]
        return max(left, _SIGN) if elsewhere and until > now - _SKEW else left

    def beat(self, ended: threading.Event) -> None:
        """Give signs of life until the end; what can't be written now may be later."""
        while not ended.wait(BEAT):
            with contextlib.suppress(PipelineBuilderError, OSError):
                self._write(self._mark, LEASE)

    def release(self) -> None:
        """Let go of the date, unless another has taken it meanwhile."""
        with contextlib.suppress(PipelineBuilderError, OSError):
            self._write(self._mark, 0.0)

    def _write(self, mark: str, seconds: float) -> bool:
        until = self._clock.now() + seconds if seconds else 0.0
        content = canonical({"format": 1, **self._me, "until": round(until, 3)})
        written = self._store.put_if(self._uri, content, Media.JSON, mark=mark)
        now = self._store.read(self._uri)
        if now and now[0] == content:  # also where the answer to a write got lost
            self._mark = now[1]
            return True
        return written

    def _taken(self, held: dict[str, JSON]) -> Problem:
        who, process = inert_line(str(held.get("who", "somebody")), 80), held.get("process", "?")
        message = f"{self._about} is worked on already, by {who} (process {process})"
        return Problem(id="PB975", message=message, hint="wait for it to end; nothing was started or published twice")


def _read(content: bytes) -> dict[str, JSON]:
    """Return what an object says; one that is damaged says nothing, and holds nothing."""
    try:
        found = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _left(held: dict[str, JSON], now: float) -> float:
    return min(_until(held) - now, LEASE)  # of a clock that is ahead no more is believed


def _until(held: dict[str, JSON]) -> float:
    return number_of(held.get("until")) or 0.0


def _life(held: dict[str, JSON]) -> Life:
    process = held.get("process")
    number = process if isinstance(process, int) and process > 0 else 1
    return Life(machine=str(held.get("machine", "")), process=number, begun=str(held.get("begun", "")))
