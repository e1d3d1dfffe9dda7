"""The interpreter of state machines in a process of its own, in a Python that has what it needs."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pipeline_builder
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.job import Command
from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.engine.jobs.sandbox import run_plain
from pipeline_builder.errors import OutsideFailure, Problem

_LOCK = "requirements-rehearse.txt"
_NEEDED = ("moto", "antlr4", "jsonpath_ng")
_LONGEST = 30 * 24 * 3600.0
_TAIL = 5


class Interpreter(Protocol):
    """Where executions are interpreted; each tells its end to the rehearsal's address, `url`."""

    url: str

    def begin(self, machine: Mapping[str, Any]) -> None:
        """Begin to interpret an execution."""
        ...

    def next(self) -> Mapping[str, Any]:
        """Return the next execution when there is one; nothing when there will be none."""
        ...

    def end(self) -> None:
        """End what is interpreted."""
        ...


def find_python(folder: Path, say: Callable[[str], None]) -> Path:
    """Return a Python that has the interpreter: this one where the extra is installed, else one made in the folder.

    Raises:
        OutsideFailure: PB679 where this is an installed package without the extra, PB510 where none can be made.
    """
    if all(find_spec(name) for name in _NEEDED):
        return Path(sys.executable)
    lock = Path(pipeline_builder.__file__).parent.parent / _LOCK
    if not lock.is_file():
        message = "a state machine waits for the run, and what interprets it is not installed"
        raise OutsideFailure(Problem(id="PB679", message=message, hint="pip install 'pipeline_builder[rehearse]'"))
    if not folder.is_dir():
        say("an environment is made for what interprets state machines (moto), once on this machine")
    return Environments(folder, whole=False).get((read_lock(lock.read_text("utf-8")),), observe=_unsaid)


def _unsaid(line: str) -> None:
    """The engine names every requirement with its hashes."""
    del line


def read_lock(text: str) -> tuple[str, ...]:
    """Return the requirements of a lock file, each with its hashes in one line."""
    joined = text.replace("\\\n", " ").splitlines()
    return tuple(" ".join(line.split()) for line in joined if line.strip() and not line.lstrip().startswith("#"))


class Process:
    """Interprets in one process of its own, which ends with this one whatever ends that.

    `lost` is told why it has ended before its time. The process asks the rehearsal at `url` for executions, by `next`.
    """

    def __init__(self, python: Path, folder: Path, lost: Callable[[str], None]) -> None:
        self._python = python
        self._folder = folder
        self._lost = lost
        self._waiting: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.url = ""

    @property
    def running(self) -> bool:
        """Whether there is a process now."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, machine: Mapping[str, Any]) -> None:
        """Let the process have an execution; it is started where it doesn't run, which takes it some seconds."""
        if not self.running:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._waiting.put(machine)

    def next(self) -> Mapping[str, Any]:
        """Return the next execution when there is one; nothing when there will be none."""
        return self._waiting.get()

    def end(self) -> None:
        """End the process, and what it interprets."""
        self._stop.set()
        self._waiting.put({})
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        log = self._folder / "interpreter.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        program = str(Path(__file__).with_name("interpreter.py"))
        command = Command(
            name="interpreter",
            command=(str(self._python), "-I", program, self.url),
            environment={"PATH": os.defpath, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull},
            workdir=str(self._folder),
            log=log,
            timeout=_LONGEST,
        )
        ended = run_plain(command, stop=self._stop)
        if not self._stop.is_set():
            self._lost("; ".join(log_tail(log, _TAIL)) or f"exit code {ended.exit_code}")
