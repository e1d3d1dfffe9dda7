"""The metrics of a training job: what its MetricDefinitions find in its log, with the time when it was there."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.job import Command
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.sandbox import run_plain
from pipeline_builder.engine.jobs.view import INSIDE, launcher_python
from pipeline_builder.machine.beside import beside
from pipeline_builder.machine.temporary import temporary_folder

SECONDS = 2.0
"""How long one expression may take for a whole log."""
_LOOK = 0.5
_MOST_MARKS = 10_000
Definitions = Sequence[Mapping[str, str]]
Found = tuple[dict[str, Any], dict[str, str]]
"""What was found, by the metrics' names, and why others were given up."""
Search = Callable[[Definitions, Path], Found]


def definitions_of(request: Mapping[str, Any]) -> Definitions:
    """Return the metrics that a training request defines."""
    return (request.get("AlgorithmSpecification") or {}).get("MetricDefinitions") or ()


class Growth:
    """When a log had which size: lines in it don't say when they were written."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._marks: list[tuple[int, float]] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the log until the body ends."""
        try:
            with beside(self._watch, "growth"):
                yield
        finally:
            self._mark()

    def time_of(self, position: int) -> float:
        """Return when (seconds since 1970) the log had come to that size."""
        return next((at for size, at in self._marks if size >= position), time.time())

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOK):
            self._mark()

    def _mark(self) -> None:
        try:
            size = os.lstat(self._log).st_size
        except OSError:
            return
        if not self._marks or size > self._marks[-1][0]:
            self._marks.append((size, round(time.time(), 3)))
        if len(self._marks) > _MOST_MARKS:
            del self._marks[1::2]  # of a job of days half as exact will do


def collect_metrics(
    definitions: Definitions, growth: Growth, outputs: Outputs, search: Search | None = None
) -> list[dict[str, Any]]:
    """Return the FinalMetricDataList of a job that has ended; what can't be found out is said."""
    if not definitions:
        return []
    found, given_up = (search or search_once)(definitions, outputs.folder / "log.txt")
    for name, why in given_up.items():
        outputs.say(f"the metric '{name}' is left out: {why}")
    return [
        {"MetricName": name, "Value": value, "Timestamp": growth.time_of(end)} for name, (value, end) in found.items()
    ]


def objectives_so_far(definition: Mapping[str, str], log: Path, search: Search) -> list[float]:
    """Return every value of a metric that the log of a running job has; none where that can't be found out."""
    found, _ = search([{**definition, "Every": "1"}], log)
    values = found.get(definition["Name"], [])
    return [float(value) for value in values]


def search_once(definitions: Definitions, log: Path) -> Found:
    """Let a process look, which can be ended: an expression may take for ever, or all memory."""
    with temporary_folder() as folder:
        result = folder / "result.json"
        spec = {"log": str(log), "definitions": [dict(item) for item in definitions], "seconds": SECONDS,
                "result": str(result)}  # fmt: skip
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        command = (launcher_python(), "-I", "-S", str(INSIDE / "metrics.py"), str(folder / "spec.json"))
        seconds = 10 + 2 * SECONDS * len(definitions)
        job = Command(
            name="metrics", command=command, environment={}, workdir="/", log=folder / "log.txt", timeout=seconds
        )
        run_plain(job, stop=threading.Event())
        try:
            content = json.loads(result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}, {item["Name"]: "its log could not be searched" for item in definitions}
    return content["found"], content["given_up"]
