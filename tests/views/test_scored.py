"""The report of an inference run: what decides about a day comes first, and nothing of a job's file can act."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.release.record import ScoreRecord
from pipeline_builder.views.drift import read_watched
from pipeline_builder.views.report import render_report
from tests.views.test_report import HOSTILE, Page
from tests.views.watched import column, monitor, score, scored


def test_who_decides_about_a_day_sees_all_that_it_takes() -> None:
    watched = monitor({"age": column(0.31), "plan": column(0.01)}, quality={"auc": {"value": 0.87}})
    text = Page(render_report(scored(score(watched)))).text
    for expected in (
        "Published", "2026-11-29", "Rows in", "100", "churn version 7", "2026-11-20 08:00:00 UTC",
        "approved by ada: good", "1f3c9ab1f3", "1 of 2", "it moved", "0.310", "0.2", "auc", "0.87", "scipy 1.16.3",
        "s3://b/scores/dt=2026-11-29/_current.json", "2.0 kB", "s3://b/monitor.json",
    ):  # fmt: skip
        assert expected in text, expected


def test_what_is_wrong_comes_before_what_is_drawn() -> None:
    watched = monitor({"calm": column(0.01), "wild": column(0.9), "moved": column(0.4)})
    watched["violations"].append({"kind": "schema", "column": "new", "message": "the column is new"})
    html = render_report(scored(score(watched, status="blocked", actions=("block", "retrain"), retraining="asked")))
    places = [html.index(words) for words in ("the column is new", "it moved", "Drift by column", "The model that")]
    assert places == sorted(places)
    drawn = html[places[2] :]
    assert drawn.index(">wild<") < drawn.index(">moved<") < drawn.index(">calm<")
    assert "no publication, retraining" in html


def blocked(model: str, **changes: Any) -> ScoreRecord:
    return score(None, model=model, status="blocked", published_to="", pointer="", objects=(), **changes)


@pytest.mark.parametrize(
    ("scores", "word", "sentence"),
    [
        ((score(None),), "Published", "2026-11-29 is where readers look: 100 predictions."),
        ((score(None, actions=("warn",)),), "Published with warnings", "is where readers look"),
        ((blocked("churn", reasons=("psi is 0.9",)),), "Not published", "2026-11-29 is not published: psi is 0.9."),
        ((score(None), blocked("b")), "Partly published", "b: 2026-11-29 is not published."),
        (
            (blocked("churn", retraining="retraining was asked for"),),
            "Not published",
            "2026-11-29 is not published. retraining was asked for.",
        ),
        ((score(None, status="scored"),), "Scored", "'pipeline-builder publish' puts it where readers look"),
        ((score(None, status="failed", reasons=("no rows",)),), "Failed", "2026-11-29 failed: no rows."),
    ],
)
def test_the_headline(scores: tuple[ScoreRecord, ...], word: str, sentence: str) -> None:
    page = Page(render_report(scored(*scores)))
    assert f"{word}: churn" in page.text
    assert sentence in page.text


def test_a_bar_shows_where_its_bound_is() -> None:
    columns = {"a": column(0.1), "b": column(0.4), "c": column(7.0), "own": column(0.3, bounds={"psi": 0.5})}
    meters = {one.name: one.meters[0] for one in read_watched(monitor(columns)).columns}
    found = {name: (meter.length, meter.mark, meter.beyond, meter.over) for name, meter in meters.items() if meter}
    # The axis ends at five times the greatest bound: 2.5.
    assert found == {
        "c": (100.0, 8.0, True, True),
        "b": (16.0, 8.0, True, False),
        "own": (12.0, 20.0, False, False),
        "a": (4.0, 8.0, False, False),
    }


def test_what_may_be_chance_is_beyond_no_bound() -> None:
    columns = {"few": column(0.9, judged=False, missing=0.1), "many": column(0.3)}
    first, few = read_watched(monitor(columns, violations=[])).columns
    assert (first.name, first.violated, few.name, few.violated, few.moved) == ("many", True, "few", False, False)
    assert few.meters[0]
    assert few.meters[0].value == 0.9


def test_of_300_columns_the_worst_are_open_and_the_rest_is_folded() -> None:
    columns = {f"column {index}": column(0.001 * index) for index in range(300)}
    html = render_report(scored(score(monitor(columns, bound=0.294))))
    start, fold = html.index("Drift by column"), html.index("290 more columns, all within their bounds")
    assert html[start:fold].count('class="meter"') == (1 + 10) * 2
    assert "column 299" in html[start:fold]
    assert "column 289" not in html[start:fold]
    assert html[fold:].count('<div class="name"') == 290
    worse = render_report(scored(score(monitor(columns, bound=0.1))))
    assert "270 more columns, 169 of them beyond a bound" in worse
    assert "187 more violations" in worse


def test_shapes_are_pairs_of_bars_beside_the_baseline() -> None:
    names = [f"c{index}" for index in range(40)]
    categories = column(0.5, type="categorical", baseline={"categories": names, "counts": [*range(40, 0, -1)]})
    categories["current"] = {"counts": [1] * 40}
    wide = column(0.4, baseline={"bins": [*range(101)], "counts": [1] * 100}, current={"counts": [2] * 100})
    shapes = {one.name: one.shape for one in read_watched(monitor({"c": categories, "w": wide})).columns}
    assert shapes["c"] is not None and shapes["w"] is not None  # noqa: PT018 - for the types
    assert [pair.label for pair in shapes["c"].pairs][-1] == "30 others"
    assert sum(pair.before_share for pair in shapes["c"].pairs) == pytest.approx(1)
    assert len(shapes["w"].pairs) <= 14
    assert shapes["w"].pairs[0].label == "0 to 8"


def test_hostile_texts_of_a_job_are_only_texts() -> None:
    watched = monitor({HOSTILE: column(0.5, type=HOSTILE), "\u202edlog": column(0.4), "x" * 5000: column(0.3)})
    watched["violations"].append({"kind": HOSTILE, "column": HOSTILE, "statistic": HOSTILE, "message": HOSTILE})
    watched["columns"][HOSTILE] |= {"baseline": {"categories": [HOSTILE, "b"], "counts": [1, 2]}}
    watched["columns"][HOSTILE]["current"]["counts"] = [2, 1]
    watched |= {"library": HOSTILE, "quality": {HOSTILE: 0.5}}
    one = score(watched, model=HOSTILE, group=HOSTILE, reasons=(HOSTILE,), actions=(HOSTILE,), approved=HOSTILE,
                since=HOSTILE, package_metadata={f"commit-{HOSTILE}": HOSTILE}, pointer=HOSTILE, retraining=HOSTILE)  # fmt: skip
    html = render_report(scored(one, one, date=HOSTILE))
    page = Page(html)
    assert {"script", "img", "link", "iframe", "object", "form"} & set(page.tags) == set()
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert "\u202e" not in html
    assert "x" * 1500 not in page.text
    assert "style=" not in html


ODD: tuple[Any, ...] = (
    {}, {"columns": []}, {"columns": {"a": None, "b": 3, "c": []}}, {"violations": {"a": 1}, "columns": "x"},
    {"violations": [3, None, {"value": "x", "bound": []}], "predictions": []}, {"quality": {"auc": "x", "f1": None}},
    {"columns": {"a": {"psi": float("nan"), "ks": 10**400, "js": True, "missing": float("inf")}}, "bounds": 3},
    {"columns": {"a": {"psi": -1, "baseline": {"counts": [1]}, "current": {"counts": [1, 2]}}}, "drift": []},
    {"columns": {"a": {"psi": 1, "baseline": {"bins": ["x"], "counts": [-1]}, "current": {"counts": [0]}}}},
    {"columns": {"a": {"psi": 1, "baseline": {"bins": [0, 0], "counts": [0]}, "current": {"counts": [0]}}}},
    {"columns": {"a": {"psi": 0.3, "bounds": {"psi": 0}, "baseline": {"categories": [1, None], "counts": [1, 2]},
                       "current": {"counts": [0, 0]}}}, "bounds": {"psi": "0.2"}},
    {"violations": 7}, {"violations": True},
    *({"columns": {"a": {"psi": 1, "baseline": {"bins": [low, edge, 9], "counts": [1, 2]}, "current": {"counts": [2, 1]}}}}
      for low, edge in ((None, 10**400), (10**400, 5), (None, float("nan")), (float("-inf"), "x"))),
)  # fmt: skip


@pytest.mark.parametrize("watched", ODD)
def test_files_of_any_form_are_shown_or_left_out(watched: Any) -> None:
    assert "The model that was used" in render_report(scored(score(watched), score([]), score("text")))
