"""Days over time: a line that stops where days are missing, and what was promoted between them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.views.daily import days_json, render_days
from pipeline_builder.views.days import WIDTH, Day, timelines
from pipeline_builder.views.report import render_report
from tests.views.watched import column, monitor, score, scored


def day(date: str, **changes: Any) -> Day:
    facts: dict[str, Any] = {"model": "churn", "version": 1, "status": "published", "rows": 100, "drift": 0.1}
    return Day(date=date, **{**facts, **changes})


def test_missing_days_are_gaps_and_promotions_are_marked() -> None:
    days = [day("2026-11-01"), day("2026-11-02"), day("2026-11-05"), day("2026-11-06", version=2), day("2026-11-07")]
    (drawn,) = timelines(days, now="2026-11-07", bounds={"churn": 0.2})
    slot = WIDTH / 7
    assert [(gap.x, gap.words) for gap in drawn.gaps] == [(round(2 * slot, 1), "2 not scored")]
    assert len(drawn.lines) == 2
    assert [(turn.version, round(turn.x)) for turn in drawn.turns] == [(2, round(5 * slot)), (1, round(6 * slot))]
    assert drawn.missing == 2
    assert [dot.now for dot in drawn.dots] == [False] * 4 + [True]


def test_a_wild_day_leaves_the_others_readable() -> None:
    days = [day(f"2026-11-0{number}", drift=drift) for number, drift in enumerate((0.05, None, 0.1, 9.0), 1)]
    (drawn,) = timelines(days, now="", bounds={"churn": 0.2})
    assert drawn.top == 0.8
    assert [dot.over for dot in drawn.dots] == [False, False, False, True]
    assert drawn.dots[1].y is None
    assert drawn.dots[3].y == 0


@pytest.mark.parametrize(
    ("changes", "tone"),
    [({}, "good"), ({"violations": 2}, "wait"), ({"status": "blocked"}, "bad"), ({"status": "failed"}, "bad")],
)
def test_a_day_has_the_colour_of_what_became_of_it(changes: dict[str, Any], tone: str) -> None:
    (drawn,) = timelines([day("2026-11-01"), day("2026-11-02", **changes)], now="", bounds={})
    assert drawn.dots[1].tone == tone


def test_hours_models_and_odd_dates() -> None:
    hours = [day("2026-11-01T22"), day("2026-11-01T23"), day("2026-11-02T01")]
    others = [day("2026-11-01", model="b"), day("no date", model="b"), day("2026-11-02", model="b", rows=None)]
    first, second = timelines([*hours, *others], now="", bounds={})
    assert [gap.words for gap in first.gaps] == ["1 not scored"]
    assert (second.model, len(second.dots)) == ("b", 2)
    assert timelines([day("2026-11-01"), day("no date")], now="", bounds={}) == []


def test_the_report_shows_the_days_before_beside_its_own() -> None:
    record = scored(score(monitor({"age": column(0.5)}), status="blocked"))
    html = render_report(record, [day("2026-11-27"), day("2026-11-28"), day("2026-11-29", drift=0.01)])
    assert "Day by day" in html
    # The ledger's word about the same day is an older one.
    assert "2026-11-29: blocked, version 7, 100 rows, worst drift 0.500" in html
    assert html.count("<circle") == 3
    assert "Day by day" not in render_report(record)


def test_a_day_is_compared_by_the_statistic_of_the_days_before() -> None:
    watched = monitor({"age": column(0.4)}, bounds={"ks": 0.15}, drift={"max_psi": 0.4, "max_ks": 0.1})
    assert "2026-11-29: published, version 7, 100 rows, worst drift 0.400" in render_report(
        scored(score(watched)), [day("2026-11-28")]
    )


def test_the_table_of_the_terminal() -> None:
    days = [
        day("2026-11-02", published="s3://b/scores/dt=2026-11-02/"),
        day("2026-11-05", version=2, status="blocked", rows=2068, drift=1.5444, violations=3, actions=("block",)),
        day("2026-11-06\x1b[31m", model="b\n", version=0, rows=None, drift=None, status="failed"),
    ]
    assert render_days(days) == (
        "churn\n"
        "  day         version   rows  worst drift  violations  status           published\n"
        "  2026-11-05        2  2,068        1.544           3  blocked (block)\n"
        "                                                       2 not scored\n"
        "  2026-11-02        1    100        0.100              published        s3://b/scores/dt=2026-11-02/\n"
        "\n"
        "b\\n\n"
        "  day                 version  rows  worst drift  violations  status  published\n"
        "  2026-11-06\\x1b[31m                                          failed"
    )
    assert days_json(days)[1]["drift"] == 1.5444
