"""What status says of an execution's steps, a line each."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.views.summary import render_status

TRACE = "of a line that is cut off\nValueError: no number\nthe transform of 'a.csv' failed at record 3\n1 of 2 files failed: a.csv"


@pytest.mark.parametrize(
    ("reason", "said"),
    [(TRACE, "1 of 2 files failed: a.csv"), ("PB520 nothing is there\nhint", "PB520 nothing is there")],
)
def test_why_a_step_has_failed_is_the_line_that_says_it(reason: str, said: str) -> None:
    execution = Execution(
        arn="a/1", pipeline="p", version=1, status=ExecutionStatus.FAILED, definition_sha256="", parameters={},
        fingerprint="", started=datetime(2026, 11, 30, tzinfo=timezone.utc),
    )  # fmt: skip
    step = StepState(name="s", type="Transform", status=StepStatus.FAILED, failure_reason=reason)
    assert render_status(execution, [step]).splitlines()[1].endswith(f"  {said}")
