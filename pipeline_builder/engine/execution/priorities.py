"""Which of the steps that could run is to run first: the one that most of the time still hangs on, as far as known."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Mapping, Sequence

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.state.state import State

_LOOKED_AT = 5000
"""Ends of steps that are looked at for how long each takes."""
_UNKNOWN = 1.0
"""Seconds of a step where no step of the pipeline has ever run."""


class Line:
    """Steps that could run, those first after which most is still to be done; equals by the definition's order.

    `seconds` are how long steps took when they last ran; others are taken for as long as the median of those.
    """

    def __init__(self, steps: Sequence[Step], seconds: Mapping[str, float]) -> None:
        usual = statistics.median(seconds.values()) if seconds else _UNKNOWN
        self._ranks = {step.name: (-rest, number) for number, (step, rest) in enumerate(_rests(steps, seconds, usual))}
        self._heap: list[tuple[float, int, Step]] = []

    def join(self, step: Step) -> None:
        """Let a step wait for its turn."""
        heapq.heappush(self._heap, (*self._ranks[step.name], step))

    def take(self, most: int) -> list[Step]:
        """Return the first of them, so many at most, which wait no more."""
        return [heapq.heappop(self._heap)[-1] for _ in range(min(most, len(self._heap)))]

    def clear(self) -> None:
        """Let none of them wait any more."""
        self._heap.clear()

    def __bool__(self) -> bool:
        return bool(self._heap)


def _rests(steps: Sequence[Step], seconds: Mapping[str, float], usual: float) -> list[tuple[Step, float]]:
    """Return for each step, all in topological order, how long the longest way from its start to the end takes."""
    after: dict[str, float] = {}
    found: list[tuple[Step, float]] = []
    for step in reversed(steps):
        rest = seconds.get(step.name, usual) + after.get(step.name, 0.0)
        found.append((step, rest))
        for name in step.before:
            after[name] = max(after.get(name, 0.0), rest)
    return found[::-1]


def past_seconds(state: State, pipeline: str) -> dict[str, float]:
    """Return how long each step of a pipeline took when it last ran, and did not come from the cache."""
    rows = state.query(
        "SELECT name, (julianday(steps.ended) - julianday(steps.started)) * 86400 AS seconds "
        "FROM executions JOIN steps ON steps.execution = executions.arn "
        "WHERE pipeline = ? AND steps.status = 'Succeeded' AND cache_hit = '' AND steps.ended IS NOT NULL "
        "ORDER BY number DESC LIMIT ?",
        *(pipeline, _LOOKED_AT),
    )
    return {row["name"]: max(0.0, float(row["seconds"] or 0)) for row in reversed(rows)}
