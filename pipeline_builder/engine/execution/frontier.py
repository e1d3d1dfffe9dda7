"""The steps that an execution comes to next: after an end only those are looked at that wait for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.document.flow import Flow


class Frontier:
    """What is still to do, kept up with the ends that come in: as much work as there are dependencies, in all.

    `steps` are all of the execution's, in topological order; `todo` are those of them to be run. `results` and `failed`
    are looked at, not copied: each name that is added to one of them is told by `end`.
    """

    def __init__(
        self, steps: Sequence[Step], todo: Iterable[Step], results: Mapping[str, Mapping[str, Any]], failed: set[str]
    ) -> None:
        self._steps = steps
        self._flow = Flow(results, failed).foresee(steps)
        self._rank = {step.name: rank for rank, step in enumerate(steps)}
        self._after: dict[str, list[int]] = {}
        for rank, step in enumerate(steps):
            for name in step.before:
                self._after.setdefault(name, []).append(rank)
        self._todo = {self._rank[step.name] for step in todo}
        self._moved = set(self._todo)  # whose place may be another than when it was looked at last

    def __bool__(self) -> bool:
        return bool(self._todo)

    def clear(self) -> None:
        """Leave all that has not begun."""
        self._todo.clear()

    def end(self, name: str) -> None:
        """Take note of a step's end: which steps will never run now, and which may be ready."""
        after = list(self._after.get(name, ()))
        heapq.heapify(after)
        seen: set[int] = set()
        while after:  # in topological order, so that all that one looks at is settled
            rank = heapq.heappop(after)
            if rank in seen:
                continue
            seen.add(rank)
            self._moved.add(rank)
            if self._flow.settle(self._steps[rank]):
                for later in self._after.get(self._steps[rank].name, ()):
                    heapq.heappush(after, later)

    def take_skipped(self) -> Iterator[Step]:
        """Take out and yield what will never run because of a condition or an end, in order."""
        yield from self._take(lambda step: step.name in self._flow.skipped)

    def take_ready(self) -> Iterator[Step]:
        """Take out and yield what can run now, in order."""
        yield from self._take(self._flow.is_ready)
        self._moved.clear()

    def _take(self, wanted: Callable[[Step], bool]) -> Iterator[Step]:
        for rank in sorted(self._moved & self._todo):
            if wanted(self._steps[rank]):
                self._todo.discard(rank)
                yield self._steps[rank]

    def are_caught(self, failed: Collection[str]) -> bool:
        """Tell whether each of the failed steps is what another waited for, which has run on it and succeeded."""
        return all(self._is_caught(name) for name in failed)

    def _is_caught(self, name: str) -> bool:
        return any(self._flow.is_caught_by(self._steps[rank], name) for rank in self._after.get(name, ()))
