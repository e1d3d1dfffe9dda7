"""Progress of a run: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO

from pipeline_builder.dag.outline import Node
from pipeline_builder.descriptions import StepState, StepStatus, reason_line
from pipeline_builder.inert import inert_line
from pipeline_builder.target import Observer

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {
    StepStatus.WAITING: "dim",
    StepStatus.SKIPPED: "dim",
    StepStatus.EXECUTING: "bold cyan",
    StepStatus.SUCCEEDED: "green",
    StepStatus.FAILED: "bold red",
    StepStatus.STOPPED: "yellow",
}


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@contextmanager
def open_progress(
    nodes: Sequence[Node], *, stream: TextIO, terminal: bool, now: Callable[[], datetime] = _utc_now
) -> Iterator[Observer]:
    """Give an observer that shows each change of a step; it may be called from any thread."""
    if not terminal:
        yield _line_writer(nodes, stream, now)
        return
    from rich.console import Console
    from rich.live import Live

    table = _Table(nodes, now)
    console = Console(file=stream, highlight=False)
    with Live(table, console=console, refresh_per_second=8, transient=False):
        yield table.observe


def _line_writer(nodes: Sequence[Node], stream: TextIO, now: Callable[[], datetime]) -> Observer:
    width = max((len(node.name) for node in nodes), default=0)
    lock = threading.Lock()

    def observe(state: StepState) -> None:
        text = f"{now():%H:%M:%S}  {inert_line(state.name):<{width}}  {describe(state)}\n"
        with lock:
            # A pipe in an old locale can't take every letter of a step's words; losing the run for that would be worse.
            stream.write(text.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"))
            stream.flush()

    return observe


def describe(state: StepState) -> str:
    """Return what there is to say of a step's state, in a few words."""
    return inert_line(_described(state))


def _described(state: StepState) -> str:
    took = f" {state.seconds:.1f} s" if state.seconds is not None else ""
    if state.cache_hit:
        return f"cached (execution {state.cache_hit.rsplit('/', 1)[-1]})"
    if state.status is StepStatus.FAILED:
        return f"Failed{took}: {reason_line(state.failure_reason)}"
    if state.stub:
        return f"{state.status.value}: a stub, it did not run"
    outcome = state.metadata.get("Condition")
    about = state.note or (f"comes out as {outcome}" if outcome else "")
    return f"{state.status.value}{took}" + (f": {about}" if about else "")


class _Table:
    """The live table; rich asks it for itself a few times a second, so that times tick."""

    def __init__(self, nodes: Sequence[Node], now: Callable[[], datetime]) -> None:
        self._nodes = nodes
        self._now = now
        self._states: dict[str, StepState] = {}
        self._lock = threading.Lock()

    def observe(self, state: StepState) -> None:
        with self._lock:
            self._states[state.name] = state

    def __rich__(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
        with self._lock:
            states = dict(self._states)
        for node in self._nodes:
            state = states.get(node.name) or StepState(name=node.name, type=node.type, status=StepStatus.WAITING)
            style = _STYLES.get(state.status, "")
            mark = {"Waiting": "·", "Executing": ">", "Succeeded": "✓", "Failed": "✗"}.get(state.status.value, "-")
            table.add_row(
                Text(mark, style=style),
                Text(node.name, style="dim" if state.status in (StepStatus.WAITING, StepStatus.SKIPPED) else ""),
                Text(node.step_class, style="dim"),
                Text(self._elapsed(state), justify="right"),
                Text(_words(state), style=style, overflow="ellipsis", no_wrap=True),
            )
        return table

    def _elapsed(self, state: StepState) -> str:
        if state.cache_hit or state.stub or state.started is None:
            return ""
        seconds = state.seconds if state.seconds is not None else (self._now() - state.started).total_seconds()
        return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _words(state: StepState) -> str:
    if state.cache_hit or state.stub or state.status is StepStatus.FAILED:
        return describe(state)
    if state.status is StepStatus.EXECUTING:
        return inert_line(state.note) or "running"
    if "Condition" in state.metadata:
        return inert_line(f"comes out as {state.metadata['Condition']}")
    return "" if state.status is StepStatus.WAITING else state.status.value.lower()
