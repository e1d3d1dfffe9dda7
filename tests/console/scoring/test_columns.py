"""Drift by column over time, out of monitors' files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.console.scoring.calendar import calendar
from pipeline_builder.console.scoring.columns import (
    MOST_READ,
    PREDICTIONS,
    DayDrift,
    parse_drift,
    rank_columns,
    read_drift,
    read_missing,
    statistics_of,
)
from pipeline_builder.console.scoring.heat import HeatDay, heat
from pipeline_builder.target import Target
from pipeline_builder.views.days import Day
from tests.console.scoring.days import monitor
from tests.engine import definitions

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return definitions.target(tmp_path)


def drift(**psi: float) -> DayDrift:
    return parse_drift({"bounds": {"psi": 0.2}, "columns": {name: {"psi": value} for name, value in psi.items()}})


def test_a_monitors_file_becomes_statistics_by_column_with_bounds() -> None:
    found = parse_drift(
        {
            "bounds": {"psi": 0.2, "rows": 3, "ks": "much"},
            "columns": {"age": {"psi": 0.3, "ks": 0.1, "bounds": {"ks": 0.4}}, "odd": 7, "text": {"psi": "0.3"}},
            "predictions": {"psi": 0.1},
        }
    )
    assert found.values == {"psi": {"age": 0.3, PREDICTIONS: 0.1}, "ks": {"age": 0.1}}
    assert (found.bound("psi", "age"), found.bound("ks", "age"), found.bound("ks", "text")) == (0.2, 0.4, None)
    assert statistics_of([found]) == ("psi", "ks")


@pytest.mark.parametrize("content", [None, [], "x", {"columns": []}, {"columns": {"a": None}, "bounds": 3}])
def test_what_is_no_monitors_file_has_nothing(content: Any) -> None:
    found = parse_drift(content)
    assert (found.values, found.bounds, statistics_of([found])) == ({}, {}, ())


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "its monitor's file is gone"),
        (b"{", "its monitor's file is no JSON"),
        (b"[" * 99999, "its monitor's file is no JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(target: Target, content: bytes | None, fault: str) -> None:
    if content is not None:
        target.store.put("s3://local/monitor.json", content)
    assert read_drift("s3://local/monitor.json", target).fault == fault


def test_columns_are_ranked_by_how_far_beyond_their_bound_they_ever_were() -> None:
    days = [drift(a=0.1, b=0.15, c=0.0), drift(a=0.5, b=0.1, c=0.0)]
    assert rank_columns(days, "psi") == ("a", "b", "c")
    assert rank_columns(days, "ks") == ()
    own = parse_drift({"bounds": {"psi": 0.2}, "columns": {"a": {"psi": 0.5, "bounds": {"psi": 5}}, "b": {"psi": 0.1}}})
    assert rank_columns([own], "psi") == ("b", "a")


def test_a_page_reads_no_more_than_it_waits_for_the_newest_first_and_each_once(target: Target) -> None:
    uris = [f"s3://local/{number}.json" for number in range(MOST_READ + 5)]
    for uri in uris:
        target.store.put(uri, json.dumps(monitor(1, 0)).encode())
    known: dict[str, DayDrift] = {}
    assert read_missing(known, uris, target) == 5
    assert uris[5] in known
    assert uris[4] not in known
    assert read_missing(known, uris, target) == 0
    target.store.put(uris[0], b"other")  # nobody does, and nobody looks again
    assert read_missing(known, uris, target) == 0
    assert known[uris[0]].fault == ""


def test_heat_is_a_row_for_each_column_with_its_name_as_text() -> None:
    days = [
        HeatDay(date="2026-11-01", drift=drift(**{HOSTILE: 0.5, "b": 0.18})),
        HeatDay(date="2026-11-02", drift=drift(b=0.25)),
    ]
    drawn = heat("Drift", days, [HOSTILE, "b"], "psi", lambda column: f"/x?column={column[:1]}")
    assert "<script" not in drawn
    assert drawn.count('class="ground"') == 2
    assert 'class="beyond2"' in drawn
    assert 'class="beyond1"' in drawn
    assert 'class="near4"' in drawn
    assert heat("Drift", [], ["b"], "psi", str) == heat("Drift", days, [], "psi", str) == ""


def day(date: str, **changes: Any) -> Day:
    return Day(**{"model": "churn", "date": date, "version": 1, "status": "published", **changes})


def test_a_calendar_has_a_cell_for_each_day_also_for_those_that_nobody_has_scored() -> None:
    days = [day("2026-11-02"), day("2026-11-03", violations=1), day("2026-11-05", status="blocked"), day("no date")]
    drawn = calendar("Days", days, lambda date: f"/d/{date}")
    assert [drawn.count(f'class="cell {tone}"') for tone in ("good", "wait", "bad", "none")] == [1, 1, 1, 1]
    assert 'href="/d/2026-11-05"' in drawn
    assert "2026-11-04: not scored" in drawn
    assert calendar("Days", [day("no date")], str) == ""


def test_a_calendar_leaves_years_out_in_which_nothing_is() -> None:
    dates = ["0001-01-01", "2025-12-29", "2026-03-02", "9999-12-31"]
    drawn = calendar("Days", [day(date) for date in dates], str)
    assert drawn.count('class="cell good"') == 4
    assert drawn.count('class="cell none"') == 6 + (9 * 7 - 1) + 6 + 4
    assert re.findall(r">(\w{3}(?: \d{4})?)</text>", drawn)[-4:] == ["Jan 2026", "Feb", "Mar", "Dec 9999"]
    hours = calendar("Hours", [day("0001-01-01T05"), day("9999-12-31T23")], str)
    assert hours.count("9999-12-31") > 1


def test_hours_stand_in_rows_of_a_day() -> None:
    drawn = calendar("Hours", [day("2026-11-02T23"), day("2026-11-03T01")], lambda _: "")
    assert drawn.count('class="cell good"') == 2
    assert drawn.count('class="cell none"') == 1
    assert "<a " not in drawn
