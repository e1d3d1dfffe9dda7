"""The HTTP side: who listens on 127.0.0.1, how many are answered at once, and how long anybody may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer

from pipeline_builder.console.access import Access
from pipeline_builder.console.app import make_app
from pipeline_builder.console.live import Live
from pipeline_builder.console.look import Looks
from pipeline_builder.console.moving import stamps_of
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.serve.server import HOST, Quiet, listen

PORT = 8266
"""Taken where it is free and no other was asked for."""
MOST_AT_ONCE = 200
"""Connections at once; who comes then is sent away."""


class _Handler(Quiet):
    """Answers one request of a connection, so that nothing that comes after it can pass for another."""

    protocol_version = "HTTP/1.0"
    timeout = 20

    def version_string(self) -> str:
        return "console"


class _Server(ThreadedWSGIServer):
    """Answers each connection in a thread of its own, so many at once."""

    daemon_threads = True
    _places = threading.BoundedSemaphore(MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """A console that listens: `serve` answers until `close` is called from another thread, or it is interrupted."""

    http: BaseWSGIServer
    access: Access
    live: Live
    looks: Looks

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http.port}"

    @property
    def address(self) -> str:
        """The address that lets in whoever has it."""
        return f"{self.url}/?token={self.access.token}"

    def serve(self) -> None:
        """Answer requests."""
        try:
            self.http.serve_forever(poll_interval=0.1)
        finally:
            self.live.close()
            self.http.server_close()
            self.looks.close()

    def close(self) -> None:
        """Let `serve` come to its end."""
        threading.Thread(target=self.http.shutdown, daemon=True).start()


def open_console(looks: Looks, *, port: int | None, report: Callable[[str], None], seconds: float = 1.0) -> Console:
    """Return a console on the port of 127.0.0.1; 0 takes one that is free, None the usual one, or one that is free.

    Raises:
        OutsideFailure: PB542 where the port can't be had.
    """
    listening = _listen(port)
    access = Access(port=listening.getsockname()[1])
    live = Live(look=lambda: stamps_of(looks.current()), seconds=seconds)
    app = make_app(looks, access, live=live, report=report)
    try:
        http = _Server(HOST, access.port, app, handler=_Handler, fd=listening.fileno())
    finally:
        listening.close()  # the server has a copy
    return Console(http=http, access=access, live=live, looks=looks)


def _listen(port: int | None) -> Any:
    if port is not None:
        return listen(port)
    try:
        return listen(PORT)
    except OutsideFailure:
        return listen(0)
