"""A process that answers questions, one after the other: a line of JSON for a line of JSON."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

_END = 1.0
"""Seconds for one that is ending by itself, whose exit code says why."""


class Answering:
    """The process; one that has given no answer is ended, so that none comes to a later question."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return the answer, None where there is none within so many seconds."""
        with self._lock:
            found = self._asked(json.dumps(question), seconds)
            if found is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END)
                self._process.kill()
            return found

    def _asked(self, question: str, seconds: float) -> dict[str, Any] | None:
        assert self._process.stdin
        assert self._process.stdout
        patience = threading.Timer(seconds, self._process.kill)
        patience.start()
        try:
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
            found = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return None
        finally:
            patience.cancel()
        return found if isinstance(found, dict) else None

    def status(self) -> int:
        """Return the exit code of one that has been ended, or minus the signal."""
        return self._process.wait()


@contextmanager
def answering(command: Sequence[str], variables: Mapping[str, str], said: int | IO[bytes]) -> Iterator[Answering]:
    """Start the process; it ends with the body, and finds the end of its input with this program. `said` is stderr."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=variables, text=True
    ) as process:
        try:
            yield Answering(process)
        finally:
            process.kill()
            assert process.stdin
            with contextlib.suppress(OSError):  # a question that it has not heard
                process.stdin.close()
