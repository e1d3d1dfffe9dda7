"""A server beside an engine, for its jobs alone: there while one of them runs, and nobody else is let in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.serve.access.access import Access
from pipeline_builder.serve.access.steps import StepKeys
from pipeline_builder.serve.application import Application
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.server import HOST, Quiet, answering, door_for_jobs, listen
from pipeline_builder.target import Calling, Reach


class Beside:
    """What answers the jobs of an engine; `report` gets the text of what nobody expected."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._steps = StepKeys()
        self._lock = threading.Lock()
        self._running = 0
        self._open = contextlib.ExitStack()
        self.engine: Engine | None = None

    @contextmanager
    def reach(self, calling: Calling) -> Iterator[Reach]:
        """Give a job its key, and somebody who answers to it."""
        with self._lock:
            if not self._running:
                self._begin()
            self._running += 1
        try:
            with self._steps.reach(calling) as reach:
                yield reach
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._open.close()

    def _begin(self) -> None:
        assert self.engine is not None
        access = Access(steps=self._steps).of_jobs()
        background = Background(self.engine, self._report)
        application = Application(engine=self.engine, background=background, report=self._report, access=access)
        with listen(0) as listening:
            http = make_server(HOST, 0, application, threaded=True, request_handler=Quiet, fd=listening.fileno())
        self._open.enter_context(answering(http))
        self._steps.at(f"http://{HOST}:{http.port}", self._open.enter_context(door_for_jobs(application)))
