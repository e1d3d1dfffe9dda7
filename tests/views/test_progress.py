"""Progress: a line for each change in a pipe, a live table on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
from datetime import datetime, timedelta, timezone

from pipeline_builder.dag.outline import Node
from pipeline_builder.descriptions import StepState, StepStatus, reason_line
from pipeline_builder.views.progress import describe, open_progress

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
NODES = (
    Node(name="churn-Train", type="Training", step_class="Training", model="churn"),
    Node(name="churn-Metrics", type="Processing", step_class="Metrics", model="churn"),
)


def state(name: str, status: StepStatus, seconds: float | None = None, **more: str) -> StepState:
    ended = NOON + timedelta(seconds=seconds) if seconds is not None else None
    started = None if status is StepStatus.WAITING else NOON
    return StepState(name=name, type="x", status=status, started=started, ended=ended, **more)  # type: ignore[arg-type]


CHANGES = (
    state("churn-Train", StepStatus.EXECUTING, note="making its environment"),
    state("churn-Train", StepStatus.FAILED, 2.5, failure_reason="Traceback\nValueError: no rows"),
    state("churn-Metrics", StepStatus.SUCCEEDED, 0.2, cache_hit="arn:aws:sagemaker:x:pipeline/p/execution/abc"),
)


def test_lines_in_a_pipe() -> None:
    stream = io.StringIO()
    with open_progress(NODES, stream=stream, terminal=False, now=lambda: NOON) as observe:
        for change in CHANGES:
            observe(change)
    assert stream.getvalue().splitlines() == [
        "12:00:00  churn-Train    Executing: making its environment",
        "12:00:00  churn-Train    Failed 2.5 s: ValueError: no rows",
        "12:00:00  churn-Metrics  cached (execution abc)",
    ]


def test_a_pipe_that_cannot_take_every_letter() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with open_progress(NODES, stream=stream, terminal=False, now=lambda: NOON) as observe:
        observe(state("churn-Train", StepStatus.FAILED, 1.0, failure_reason="größer"))
    assert b"gr??er" in raw.getvalue()


def test_the_table_on_a_terminal() -> None:
    """What is on the screen at the end; markup in a step's words stays what it is."""
    ours, theirs = pty.openpty()
    later = NOON + timedelta(seconds=75)
    with (
        os.fdopen(theirs, "w") as stream,
        open_progress(NODES, stream=stream, terminal=True, now=lambda: later) as observe,
    ):
        observe(state("churn-Train", StepStatus.EXECUTING))
        observe(state("churn-Metrics", StepStatus.FAILED, 0.2, failure_reason="[bold]no[/bold]"))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _all_of(ours))
    last = [line for line in re.split(r"[\r\n]+", text) if line.strip()][-2:]
    assert re.fullmatch(r">\s+churn-Train\s+Training\s+1:15\s+running\s*", last[0])
    assert re.fullmatch(r"✗\s+churn-Metrics\s+Metrics\s+0\.2 s\s+Failed 0\.2 s: \[bold\]no\[/bold\]\s*", last[1])


def _all_of(terminal: int) -> str:
    """What was written to a terminal whose other end is closed."""
    blocks = []
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
        while block := file.read(65536):
            blocks.append(block)
    return b"".join(blocks).decode()


def test_a_problem_is_told_and_not_its_hint() -> None:
    failed = state("churn-Train", StepStatus.FAILED, 2.5, failure_reason="PB520 there is no data\n  hint: look there")
    assert describe(failed) == "Failed 2.5 s: PB520 there is no data"


def test_the_line_that_says_why_is_the_same_over_serve() -> None:
    for said in ("AlgorithmError: exit code 137 (SIGKILL)", "PB513 no script"):
        for reason in (said, f"ClientError: {said}"):
            assert reason_line(f"{reason}\nepoch 7") == reason
    assert reason_line("ClientError: AlgorithmError: Traceback\nValueError: no rows") == "ValueError: no rows"
