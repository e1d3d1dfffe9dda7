"""What `history` and `status` show of runs, their models and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, Execution, ExecutionStatus
from pipeline_builder.release.past.summary import ModelSummary, RunSummary
from pipeline_builder.release.waits import Waiting
from pipeline_builder.views.history import Row, history_json, render_history, render_verdict

BEGAN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
ARN = "arn:aws:sagemaker:local:0:model-package/g/"


def row(number: int, status: ExecutionStatus, **more: object) -> Row:
    arn = f"arn:aws:sagemaker:local:0:pipeline/p/execution/run{number}"
    started = BEGAN + timedelta(days=number)
    execution = Execution(
        arn=arn,
        pipeline="p",
        version=7,
        status=status,
        definition_sha256="",
        parameters={},
        fingerprint="",
        started=started,
    )
    run = RunSummary(pipeline="p", execution=arn, id=execution.id, status=status.value, started=started, **more)  # type: ignore[arg-type] # as the test says
    return execution, run


def model(version: int, **more: object) -> ModelSummary:
    given = {"model": "churn", "group": "g", "status": "PendingManualApproval", "arn": f"{ARN}{version}", **more}
    return ModelSummary(version=version, **given)  # type: ignore[arg-type] # as the test says


WAITS = Waiting(model="churn", group="g", version=3, arn=f"{ARN}3", pipeline="p", execution="run3", since=BEGAN)
ROWS = [
    row(3, ExecutionStatus.SUCCEEDED, passed=True, commits={"churn": "c0ffee1" + "0" * 33},
        models=(model(3, metrics={"a": 1.0, "binary_classification_metrics.auc.value": 0.91234},
                      gated=("binary_classification_metrics.auc.value",)),)),
    row(2, ExecutionStatus.SUCCEEDED, passed=False, reasons=("churn: auc is 0.7, expected at least 0.8",),
        models=(model(2, passed=False),)),
    row(1, ExecutionStatus.FAILED, passed=False, failed_steps=("churn-Train",)),
]  # fmt: skip


def test_what_the_gate_made_of_an_execution() -> None:
    assert [render_verdict(*found) for found in ROWS] == [
        ["the gate passed it"],
        ["the gate blocked it: churn: auc is 0.7, expected at least 0.8"],
        [],  # which the steps say
    ]
    assert render_verdict(ROWS[0][0], None) == []


def test_a_run_with_its_models() -> None:
    """Both kinds of versions are told apart, and what waits is marked, with the metrics that the gate looks at."""
    assert render_history(ROWS, (), (WAITS,)).splitlines() == [
        "runs, newest first",
        "  2026-03-07T05:06:07Z  run3  Succeeded  pipeline p version 7  the gate passed it",
        "      churn  model version 3    waits for a decision  auc 0.9123",
        "      commits churn@c0ffee1",
        "  2026-03-06T05:06:07Z  run2  Succeeded  pipeline p version 7  the gate blocked it",
        "      churn: auc is 0.7, expected at least 0.8",
        "      churn  model version 2    blocked by the gate",
        "  2026-03-05T05:06:07Z  run1  Failed     pipeline p version 7",
        "      failed: churn-Train",
        "promotions",
        "  none",
        "waiting for a decision",
        "  churn model version 3, since 2026-03-04 05:06:07 UTC (execution run3)",
        "      'pipeline-builder promote churn' or 'pipeline-builder reject churn --comment WHY'",
    ]


def test_what_is_left_out_is_said() -> None:
    assert "  1 older run is left out: --last 3 shows all" in render_history(ROWS[:2], (), older=1)
    assert "  40 older promotions are left out" in render_history(ROWS[:2], (), earlier=40)
    assert render_history((), ()) == "nothing has run yet"


def test_of_a_registry_that_keeps_no_promotions_none_is_denied() -> None:
    lines = render_history(ROWS[:2], (), kept=False).splitlines()
    said = lines[lines.index("promotions") + 1]
    assert said == "  SageMaker has the last decision about each version, which 'history --audit' lists"


def test_where_to_look_for_what_no_record_tells_is_said() -> None:
    """Runs of before records were kept have no commits here; one that goes on has no record yet."""
    rows: list[Row] = [(replace(execution, ended=BEGAN), None) for execution, _ in ROWS[:2]]
    line = "  no record can be read of run3, run2: 'pipeline-builder report run3' tells what is known of it"
    assert line in render_history([*rows, ROWS[2]], ()).splitlines()
    assert "no record" not in render_history([(replace(rows[0][0], ended=None), None)], ())


def test_decisions_are_told_in_words() -> None:
    change = ApprovalChange(
        package=f"{ARN}3", group="g", version=3, before=ApprovalStatus.PENDING, after=ApprovalStatus.APPROVED,
        by="ada", description="approved by ada", when=BEGAN,
    )  # fmt: skip
    assert "g model version 3: waiting -> Approved, approved by ada" in render_history(ROWS[:1], (change,))


def test_words_of_others_steer_nothing() -> None:
    hostile = row(
        1, ExecutionStatus.SUCCEEDED, passed=False, reasons=("\x1b[2Jboo\nruns",), commits={"a\nb": "\x1b]0;x\x07"}
    )
    text = render_history([hostile], ())
    assert "\x1b" not in text
    assert len(text.splitlines()) == 6


def test_json_has_all_that_the_text_has() -> None:
    found = history_json(ROWS, (), (WAITS,))
    assert [one["status"] for one in found["executions"]] == ["Succeeded", "Succeeded", "Failed"]
    (only,) = found["executions"][0]["models"]
    assert (only["version"], only["waits"], only["metrics"]["a"]) == (3, True, 1.0)
    assert found["executions"][2]["failed_steps"] == ["churn-Train"]
    assert found["waiting"][0]["answers"][0] == "pipeline-builder promote churn"
