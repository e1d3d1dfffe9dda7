"""The HTTP side: who listens on 127.0.0.1, how many are answered at once, and how long anybody may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer

from pipeline_builder.console.access import HEADERS, Access
from pipeline_builder.console.app import make_app
from pipeline_builder.console.live import Live
from pipeline_builder.console.looks import Looks, known_stamps
from pipeline_builder.console.peers import is_ours
from pipeline_builder.console.rendering import compile_templates
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

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request as everything is answered."""
        self.close_connection, self.request_version = True, self.protocol_version
        body = f"{explain or message or 'This request cannot be read.'}\n".encode("utf-8", "replace")
        self.send_response(code, message)
        length = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
        for name, value in {**HEADERS, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def parse_request(self) -> bool:
        """Refuse a body whose length two headers tell, or chunks do: no form of a browser comes so."""
        if not super().parse_request():
            return False
        lengths = self.headers.get_all("Content-Length", []) if self.headers else []
        if self.request_version == "HTTP/0.9":
            self.send_error(400)
            return False
        if "Transfer-Encoding" in self.headers or len(lengths) > 1 or not all(one.isdigit() for one in lengths):
            self.send_error(400, "Bad Request", "The length of the body is not clear.")
            return False
        return True


class _Server(ThreadedWSGIServer):
    """Answers each connection in a thread of its own, so many at once."""

    daemon_threads = True

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Hear nobody else's programs: a cookie is sent to every port of this machine, and could come from there."""
        del request
        return is_ours(client_address, self.server_address)  # type: ignore[arg-type] # of TCP it is a host and a port

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
        """Answer requests. Templates are compiled beside that: nobody has the address of a console that fast."""
        threading.Thread(target=compile_templates, name="console-templates", daemon=True).start()
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
    live = Live(look=lambda: known_stamps(looks.current()), seconds=seconds)
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
