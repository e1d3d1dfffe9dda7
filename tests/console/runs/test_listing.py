"""The list of runs: what an address asks for, and what its rows say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pipeline_builder.console.runs.listing import RunsView, parse_query, row_of, state_of
from pipeline_builder.release.past.summary import ModelSummary, RunSummary

BEGIN = datetime(2026, 11, 30, 6, tzinfo=timezone.utc)


def summary(**more: Any) -> RunSummary:
    plain = {"pipeline": "p", "execution": "arn:p/execution/abc", "id": "abc", "status": "Succeeded", "started": BEGIN}
    return RunSummary(**{**plain, "ended": BEGIN + timedelta(seconds=9), **more})


def model(**more: Any) -> ModelSummary:
    return ModelSummary(**{"model": "churn", "group": "g", "version": 2, "status": "PendingManualApproval", **more})


STATES: dict[str, tuple[RunSummary, tuple[str, str]]] = {
    "goes on": (summary(status="Executing", ended=None), ("Runs", "now")),
    "failed": (summary(status="Failed"), ("Failed", "bad")),
    "stopped": (summary(status="Stopped"), ("Stopped", "idle")),
    "waits": (summary(models=(model(waits=True),), passed=True), ("Waits", "wait")),
    "blocked": (summary(models=(model(),), passed=False), ("Blocked", "bad")),
    "promoted": (summary(models=(model(status="Approved"),), passed=True), ("Promoted", "good")),
    "rejected": (summary(models=(model(status="Rejected"),), passed=True), ("Rejected", "bad")),
    "nothing registered": (summary(), ("Succeeded", "good")),
}


@pytest.mark.parametrize("name", STATES)
def test_what_a_run_came_to_is_one_word(name: str) -> None:
    run, expected = STATES[name]
    assert state_of(run) == expected


def test_a_row_says_what_went_wrong_and_what_each_model_came_to() -> None:
    failed = summary(status="Failed", failed_steps=("a", "b", "c", "d"), reasons=("steps failed: a, b, c, d",))
    assert row_of(failed).why == "failed: a, b, c"
    models = tuple(
        model(model=f"m{n}", metrics={"m.value": 0.5, "regression_metrics.rmse.value": 2.0}) for n in range(5)
    )
    row = row_of(summary(models=models))
    assert (len(row.models), row.more_models) == (3, 2)
    assert (row.models[0].metric, row.models[0].value, row.models[0].verdict) == ("rmse", 2.0, "")
    bound = row_of(summary(models=(model(metrics={"auc": 0.9, "gain": 2.0}, gated=("gain",)),))).models[0]
    assert (bound.metric, bound.value) == ("gain", 2.0)  # as on the page of the model
    none = row_of(summary(models=(model(metrics={}),))).models[0]
    assert (none.metric, none.value) == ("", None)


def test_days_are_whole_days_in_utc() -> None:
    wanted, faults = parse_query({"since": "2026-11-29", "until": "2026-11-30", "commit": "1f3c"})
    assert faults == ()
    assert wanted.commit == "1f3c"
    assert (wanted.since, wanted.until) == (
        datetime(2026, 11, 29, tzinfo=timezone.utc),
        datetime(2026, 12, 1, tzinfo=timezone.utc),
    )
    exact, _ = parse_query({"since": "2026-11-29T10:00:00+02:00"})
    assert exact.since == datetime(2026, 11, 29, 8, tzinfo=timezone.utc)


def test_what_is_no_date_and_no_state_is_said() -> None:
    wanted, faults = parse_query({"since": "soon", "until": "9999-12-31", "state": "odd"})
    assert wanted.since is None
    assert wanted.until is None
    assert faults == (
        "since: 'soon' is no date, which is written as 2026-11-30",
        "until: '9999-12-31' is no date, which is written as 2026-11-30",
        "state: no run is ever 'odd'",
    )


@pytest.mark.parametrize(
    ("page", "last", "numbers"),
    [(1, 1, [1]), (1, 50, [1, 2, 3, 0, 50]), (25, 50, [1, 0, 23, 24, 25, 26, 27, 0, 50]), (50, 50, [1, 0, 48, 49, 50])],
)
def test_pages_near_by_are_linked(page: int, last: int, numbers: list[int]) -> None:
    view = RunsView(
        title="",
        asked={},
        chips=(),
        faults=(),
        rows=(),
        total=0,
        known=0,
        page=page,
        last=last,
        pipelines=(),
        models=(),
    )
    assert [number for number, _ in view.pages] == numbers
    assert [number for number, here in view.pages if here] == [page]
