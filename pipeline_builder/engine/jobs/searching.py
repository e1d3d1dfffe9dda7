"""A process that looks for metrics in one log after the other: to start one for each costs more than to look."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.engine.jobs.answering import answering
from pipeline_builder.engine.jobs.metrics import SECONDS, Definitions, Found, Search, search_once
from pipeline_builder.engine.jobs.view import INSIDE, launcher_python


@contextmanager
def searching() -> Iterator[Search]:
    """Give what looks as `search_once` does, by a process that ends with the body; without it `search_once` looks."""
    command = (launcher_python(), "-I", "-S", str(INSIDE / "metrics.py"))
    with answering(command, {}, subprocess.DEVNULL) as process:

        def search(definitions: Definitions, log: Path) -> Found:
            spec = {"log": str(log), "definitions": [dict(item) for item in definitions], "seconds": SECONDS}
            answer = process.ask(spec, 10 + 2 * SECONDS * len(definitions))
            return search_once(definitions, log) if answer is None else (answer["found"], answer["given_up"])

        yield search
