"""Passes on what comes to a port of the job's own 127.0.0.1 to a socket, and back: all that such a job can reach.

Runs as a process of the job's namespace, by its supervisor, and ends with that. It knows nothing of what it passes on.
"""

# What this needs is imported where it runs: no other job's start is to wait for it.
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import selectors
    import socket

    from pipeline_builder.engine.inside.kernel import suppress
else:
    from kernel import suppress

_BLOCK = 1 << 16
_WAITING = 64
"""Connections that nobody has met yet, at most."""
_PAUSE = 0.05
"""Seconds until another is met, where there are as many as this process may have."""


def listen(port: int) -> socket.socket:
    """Return what listens on the port, before the job runs."""
    import socket

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(_WAITING)
    return listening


def forward(listening: socket.socket, path: str) -> int:
    """Pass on, until somebody ends this process."""
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        while True:
            for key, events in selector.select():
                if key.fileobj is listening:
                    _meet(selector, listening, path)
                else:
                    key.data.turn(selector, key.fileobj, events)


def _meet(selector: selectors.BaseSelector, listening: socket.socket, path: str) -> None:
    import socket
    import time

    try:
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError:
        time.sleep(_PAUSE)
        return
    try:
        near, _ = listening.accept()
    except OSError:
        far.close()
        time.sleep(_PAUSE)
        return
    try:
        far.connect(path)
    except OSError:  # whoever answered is gone
        near.close()
        far.close()
        return
    Pair(near, far).begin(selector)


class Pair:
    """Two ends of one conversation: what one has said and the other has not yet heard is little, and waits here."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._other = {near: far, far: near}
        self._waiting = {near: b"", far: b""}  # to be heard by
        self._done = {near: False, far: False}  # has said all

    def begin(self, selector: selectors.BaseSelector) -> None:
        """Look at both ends from now on."""
        for end in self._other:
            end.setblocking(False)
            selector.register(end, 1, self)

    def turn(self, selector: selectors.BaseSelector, end: socket.socket, events: int) -> None:
        """Hear and say what can be heard and said at one end."""
        if end not in self._waiting:
            return
        try:
            if events & 2 and self._waiting[end]:
                self._waiting[end] = self._waiting[end][end.send(self._waiting[end]) :]
            if events & 1 and not self._done[end] and not self._waiting[self._other[end]]:
                self._hear(end)
        except BlockingIOError:
            pass
        except OSError:
            self._end(selector)
            return
        self._look(selector)

    def _hear(self, end: socket.socket) -> None:
        said = end.recv(_BLOCK)
        self._done[end] = not said
        self._waiting[self._other[end]] = said

    def _look(self, selector: selectors.BaseSelector) -> None:
        """Wait for what can go on; an end that has said all closes the other one's hearing once that has heard it."""
        for end, other in self._other.items():
            if self._done[end] and not self._waiting[other]:
                with suppress(OSError):
                    other.shutdown(1)
        if all(self._done.values()) and not any(self._waiting.values()):
            self._end(selector)
            return
        for end, other in self._other.items():
            hears = not self._done[end] and not self._waiting[other]
            wanted = (1 if hears else 0) | (2 if self._waiting[end] else 0)
            registered = end in selector.get_map()
            if wanted and registered:
                selector.modify(end, wanted, self)
            elif wanted:
                selector.register(end, wanted, self)
            elif registered:
                selector.unregister(end)

    def _end(self, selector: selectors.BaseSelector) -> None:
        for end in self._other:
            if end in selector.get_map():
                selector.unregister(end)
            end.close()
        self._waiting = {}
