"""A process that looks for metrics in one log after the other: to start one for each costs more than to look."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.metrics import SECONDS, Definitions, Found, search_once
from pipeline_builder.engine.jobs.view import INSIDE, launcher_python


class Searcher:
    """Looks as `search_once` does; one that gives no answer is ended, and `search_once` asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def __call__(self, definitions: Definitions, log: Path) -> Found:
        """Return the values by the metrics' names, and why others are given up."""
        spec = {"log": str(log), "definitions": [dict(item) for item in definitions], "seconds": SECONDS}
        with self._lock:
            answer = self._asked(json.dumps(spec), 10 + 2 * SECONDS * len(definitions))
        return search_once(definitions, log) if answer is None else (answer["found"], answer["given_up"])

    def _asked(self, spec: str, seconds: float) -> dict[str, Any] | None:
        assert self._process.stdin
        assert self._process.stdout
        patience = threading.Timer(seconds, self._process.kill)
        patience.start()
        try:
            self._process.stdin.write(spec + "\n")
            self._process.stdin.flush()
            found: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return None
        finally:
            patience.cancel()
        return found


@contextmanager
def searching() -> Iterator[Searcher]:
    """Start the process; it ends with the body, and with this program: then nothing more comes to it."""
    command = [launcher_python(), "-I", "-S", str(INSIDE / "metrics.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, text=True
    ) as process:
        try:
            yield Searcher(process)
        finally:
            process.kill()
