"""What status says of an execution's steps, a line each."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.record import StepRecord, VerdictRecord
from pipeline_builder.views.summary import failure_problems, render_status
from tests.release.records import package, run_record

COMPARED = BoundEvidence(metric="m", max_regression="1%")
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


@pytest.mark.parametrize(
    ("reason", "log", "said"),
    [
        ("it broke", ("it broke",), "it broke"),
        ("one\ntwo", ("zero", "one", "two"), "two\n    zero\n    one\n    two"),
        ("e line\ntwo", ("one line", "two"), "two\n    one line\n    two"),
        ("two\nit may lack a package", ("one", "two"), "it may lack a package\n    one\n    two"),
        ("the failure file's words", ("one", "two"), "the failure file's words\n    one\n    two"),
        ("OutOfMemory", (), "OutOfMemory"),
    ],
)
def test_the_end_of_a_log_is_said_once(reason: str, log: tuple[str, ...], said: str) -> None:
    """Whether the reason of a failure is that end, a part of it, or something else."""
    step = StepRecord(
        name="s",
        type="Training",
        step_class="Training",
        model="m",
        status="Failed",
        failure_reason=reason,
        log_tail=log,
    )
    record = run_record("m").model_copy(update={"status": "Failed", "steps": (step,)})
    (problem,) = failure_problems(record)
    assert problem.message == f"step 's' failed: {said}"
    assert "pipeline-builder retry" in str(problem.hint)


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({}, "change the model, its data, or the bounds"),
        ({"artifact_gone": "s3://b/model.tar.gz"}, "'pipeline-builder up --rerun' makes and registers another"),
        ({"artifact_gone": "s3://b/model.tar.gz", "champion_lost": True, "bounds": (COMPARED,)}, "builder rollback m "),
        ({"champion_lost": True, "bounds": (BoundEvidence(metric="m", min=0.9),)}, "or the bounds of 'gate'"),
    ],
)
def test_the_way_out_of_a_gate_that_blocks(changes: dict[str, Any], way: str) -> None:
    """Where an artifact is gone nothing is to be changed: the same again is another one. A champion that is lost is in
    the way of a gate only that compares with it.
    """
    verdict = VerdictRecord(passed=False, reasons=("no",))
    record = run_record("m", packages=(package("m", **changes),), verdict=verdict)
    (problem,) = failure_problems(record)
    assert way in str(problem.hint)
