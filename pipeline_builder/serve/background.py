"""Executions in the background: a thread for each, from its start to its end, or until the server ends."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from contextlib import suppress

from pipeline_builder.descriptions import ExecutionStatus, StepState
from pipeline_builder.engine.execution.alone import run_job
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.execution.execution import run_execution
from pipeline_builder.engine.execution.starts import unfinished
from pipeline_builder.engine.jobs.records import open_jobs
from pipeline_builder.engine.jobs.slots import Slots
from pipeline_builder.engine.state.state import now
from pipeline_builder.errors import OutsideFailure


def new_id() -> str:
    """Return the id of a new execution."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def _nothing(state: StepState) -> None:
    del state


class Background:
    """Runs executions; `say` gets a line for people about each start and end, `observe` each change of a step."""

    def __init__(
        self, engine: Engine, say: Callable[[str], None], *, observe: Callable[[StepState], None] = _nothing
    ) -> None:
        self._engine = engine
        self._say = say
        self._observe = observe
        self._halt = threading.Event()
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._slots = Slots(engine.jobs)  # of jobs that are no steps'

    def resume(self) -> None:
        """Go on with what was interrupted."""
        for execution in unfinished(self._engine.state):
            self.start(execution.arn)
        for kind, name in open_jobs(self._engine.state):
            self.start_job(kind, name)

    def tell(self, line: str) -> None:
        """Say something to the people who look at the server."""
        self._say(line)

    def start(self, arn: str) -> None:
        """Run an execution, or where another process runs it, watch it, to go on with it should that one die."""
        self._begin(threading.Thread(target=self._run, args=(arn,), name=f"execution-{arn.rsplit('/', 1)[-1]}"), arn)

    def start_job(self, kind: str, name: str) -> None:
        """Run a job that is no step's."""
        self._begin(threading.Thread(target=self._run_job, args=(kind, name), name=f"{kind}-{name}"), name)

    def _begin(self, thread: threading.Thread, what: str) -> None:
        with self._lock:
            if self._halt.is_set():
                return
            self._threads = {key: known for key, known in self._threads.items() if known.is_alive()}
            self._threads[f"{what} {thread.name} {id(thread)}"] = thread
            thread.start()

    def end(self) -> None:
        """End every job; the executions stay as they are, and the next server goes on with them."""
        with self._lock:
            self._halt.set()
            threads = list(self._threads.values())
        for thread in threads:
            thread.join()

    def _run_job(self, kind: str, name: str) -> None:
        try:
            status = run_job(self._engine, kind, name, self._halt, self._slots)
        except Exception as error:  # noqa: BLE001 - it is on record as failed, and must be said
            self._say(f"{kind}/{name} failed: {type(error).__name__}: {error}")
        else:
            self._say(f"{kind}/{name} {status}")

    def _run(self, arn: str) -> None:
        try:
            ended = run_execution(self._engine, arn, self._observe, halt=self._halt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution must not seem to go on
            with suppress(OutsideFailure):  # the state may be what has failed; the next server goes on with it then
                self._engine.state.set_execution(arn, ExecutionStatus.FAILED, ended=now(), reason=str(error))
            self._say(f"{arn} failed: {type(error).__name__}: {error}")
        else:
            self._say(f"{arn} {ended.status.value}")
