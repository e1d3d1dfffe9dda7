"""What changes while somebody looks: one thread looks for all, and tells the pages what they might show anew."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from werkzeug.exceptions import ServiceUnavailable

from pipeline_builder.errors import PipelineBuilderError

TOPICS = ("runs", "registry", "scoring", "manifest", "plan", "watch")
"""What a page can be about: executions and records, packages and decisions, days, the manifest's files, what would
change, and what a watch has noted.
"""
Stamps = Mapping[str, object]
MOST_CLIENTS = 64
_GLANCE = 1.0
"""Seconds after which is looked whether a client is still there: each page that was left behind is one."""
QUIET = 15.0
"""Seconds after which a client that heard nothing is told so: whoever has gone is noticed then."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A stream of events; `close` ends it, also where nobody has begun to read."""

    events: Iterator[str]
    close: Callable[[], None]

    def __iter__(self) -> Iterator[str]:
        return self.events


@dataclass(slots=True, kw_only=True)
class Live:
    """Tells what has changed. `look` returns what changes with each topic; it is called each `seconds` while somebody
    listens.
    """

    look: Callable[[], Stamps]
    seconds: float = 1.0
    _clients: list[queue.Queue[Mapping[str, int]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _generations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    _stamps: dict[str, object] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def listen(self, gone: Callable[[], bool] = bool) -> Listener:
        """Return the stream of events for one client: what there is, then what changes. It has to be closed.

        `gone` tells whether the client has hung up, which writing to it would tell much later.

        Raises:
            ServiceUnavailable: very many listen already.
        """
        mine: queue.Queue[Mapping[str, int]] = queue.Queue(maxsize=100)
        self.check()  # while nobody listens nobody looks
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                raise ServiceUnavailable("Very many pages listen already.")
            self._clients.append(mine)
            mine.put(dict(self._generations))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="console-live", daemon=True)
                self._thread.start()
        return Listener(self._events(mine, gone), lambda: self._forget(mine))

    def close(self) -> None:
        """End the thread, and every stream."""
        self._ended.set()
        with self._lock:
            for one in self._clients:
                with contextlib.suppress(queue.Full):
                    one.put_nowait({})

    def _forget(self, mine: queue.Queue[Mapping[str, int]]) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._clients.remove(mine)

    def _events(self, mine: queue.Queue[Mapping[str, int]], gone: Callable[[], bool]) -> Iterator[str]:
        yield "retry: 2000\n\n"
        spoken = time.monotonic()
        while not self._ended.is_set() and not gone():
            try:
                found = mine.get(timeout=min(_GLANCE, QUIET))
            except queue.Empty:
                if time.monotonic() - spoken > QUIET:
                    spoken = time.monotonic()
                    yield ": nothing new\n\n"
                continue
            if found:
                yield f"event: changed\ndata: {json.dumps(found)}\n\n"

    def _watch(self) -> None:
        while not self._ended.wait(self.seconds):
            with self._lock:
                if not self._clients:
                    self._thread = None
                    return
            self.check()

    def now(self) -> Mapping[str, int]:
        """Return what a page is made of that is made now: it is told of what is another than this."""
        self.check()
        with self._lock:
            return dict(self._generations)

    def check(self) -> None:
        """Look, and tell everybody what is another now."""
        try:
            found = dict(self.look())
        except PipelineBuilderError:  # which each page says
            return
        with self._lock:
            moved = [topic for topic, stamp in found.items() if self._stamps.get(topic, stamp) != stamp]
            self._stamps.update(found)
            for topic in moved:
                self._generations[topic] = self._generations.get(topic, 0) + 1
            for one in self._clients if moved else ():
                with contextlib.suppress(queue.Full):  # who doesn't read learns it at the next connection
                    one.put_nowait({topic: self._generations[topic] for topic in moved})
