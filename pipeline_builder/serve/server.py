"""The HTTP side: who listens on 127.0.0.1, and for jobs without a network on a socket of their own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.serve.access.access import Access
from pipeline_builder.serve.access.steps import StepKeys
from pipeline_builder.serve.application import Application
from pipeline_builder.serve.background import Background

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOST = "127.0.0.1"


class Awaited:
    """A body that is asked for when somebody reads it."""

    def __init__(self, body: Any, ask: Callable[[], None]) -> None:
        self._body, self._ask = body, ask

    def __getattr__(self, name: str) -> Any:
        self._ask()
        return getattr(self._body, name)


class Quiet(WSGIRequestHandler):
    """Logs nothing; a client that keeps its connection open and says nothing doesn't keep its thread."""

    timeout = 60
    awaited = False

    def handle_expect_100(self) -> bool:
        """Note that the client waits for a word before it sends the body: what is refused without it needn't come.

        The header goes, as werkzeug would answer it at once, and a second time.
        """
        self.awaited = True
        del self.headers["Expect"]
        return True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        del type, message, args

    def make_environ(self) -> WSGIEnvironment:
        """Return what an application is told; an address that is none is one of nothing."""
        try:
            environ = super().make_environ()
        except ValueError:
            self.path = "/%00"
            environ = super().make_environ()
        environ["wsgi.input"] = Awaited(environ["wsgi.input"], self.go_on)
        return environ

    def go_on(self) -> None:
        """Let a client that waits send its body; said once."""
        if self.awaited:
            self.awaited = False
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def version_string(self) -> str:
        return "pipeline-builder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that listens; `serve` answers until `close` is called from another thread, or it is interrupted."""

    background: Background
    http: BaseWSGIServer
    application: Application
    steps: StepKeys | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http.port}"

    def serve(self) -> None:
        """Go on with what was interrupted, and answer requests."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.background.end)
            stack.callback(self.http.server_close)
            if self.steps is not None:
                self.steps.at(self.url, stack.enter_context(door_for_jobs(self.application)))
            self.background.resume()
            self.http.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Let `serve` come to its end."""
        threading.Thread(target=self.http.shutdown, daemon=True).start()


def make_server_on(
    port: int,
    engine: Engine,
    *,
    access: Access,
    steps: StepKeys | None = None,
    say: Callable[[str], None],
    report: Callable[[str], None] | None = None,
) -> Server:
    """Return a server that listens on the port of 127.0.0.1; 0 takes one that is free.

    `steps` has the keys of the engine's jobs, `say` gets a line for people about each execution that starts or ends.

    Raises:
        OutsideFailure: PB542 where the port can't be had.
    """
    background = Background(engine, say)
    application = Application(engine=engine, background=background, report=report or say, access=access)
    listening = listen(port)
    try:
        http = make_server(HOST, port, application, threaded=True, request_handler=Quiet, fd=listening.fileno())
    finally:
        listening.close()  # the server has a copy
    return Server(background=background, http=http, application=application, steps=steps)


@contextmanager
def door_for_jobs(application: Application) -> Iterator[Path]:
    """Answer at a socket as well, where nobody but jobs can come from and nobody but jobs is let in."""
    inside = replace(application, access=application.access.of_jobs())
    with temporary_folder() as folder:
        path = folder / "aws"
        http = make_server(f"unix://{path}", 0, inside, threaded=True, request_handler=Quiet)
        with answering(http):
            yield path


@contextmanager
def answering(http: BaseWSGIServer) -> Iterator[None]:
    """Let a server answer in a thread of its own, which ends at once."""
    ending = threading.Event()

    def answer() -> None:
        while not ending.is_set():
            http.handle_request()

    http.timeout = None
    thread = threading.Thread(target=answer, name="answering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        with contextlib.suppress(OSError), socket.socket(http.address_family, socket.SOCK_STREAM) as last:
            last.connect(http.socket.getsockname())
        thread.join()
        http.server_close()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the port of 127.0.0.1; 0 takes one that is free.

    Raises:
        OutsideFailure: PB542 where the port can't be had.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        message = f"cannot listen on port {port} of {HOST}: {getattr(error, 'strerror', None) or error}"
        raise OutsideFailure(Problem(id="PB542", message=message, hint="'--port 0' takes a free one")) from error
    return listening
