"""Plots: what is drawn of numbers, whatever these are, and that nothing but text comes of a name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.release.metrics import Confusion, Curve
from pipeline_builder.release.regressions import Histogram, find_predicted, find_quantiles, find_residuals
from pipeline_builder.views.plots.curves import curve_plot
from pipeline_builder.views.plots.lines import Bound, Mark, Point, Series, line_plot
from pipeline_builder.views.plots.matrix import confusion_table
from pipeline_builder.views.plots.meters import meter_plot
from pipeline_builder.views.plots.regression import quantiles_plot, residuals_plot, scatter_plot
from pipeline_builder.views.plots.scales import Scale, scale_of, tick_words, ticks, time_ticks, whole_ticks
from tests.views.test_report import HOSTILE

SPACE = "{http://www.w3.org/2000/svg}"
BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)


def classes(svg: str, tag: str) -> list[str]:
    return [element.get("class", "") for element in ET.fromstring(svg).iter(f"{SPACE}{tag}")]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SPACE}text")]


def versions(*values: float, **changes: Any) -> Series:
    points = (Point(x=number, y=value, **changes) for number, value in enumerate(values, 1))
    return Series(name="auc", points=tuple(points))


def test_a_metric_by_version_has_its_bound_and_what_was_promoted() -> None:
    drawn = line_plot(
        "auc",
        [versions(0.8, 0.9, 0.91)],
        bounds=[Bound(value=0.85, kind="min")],
        marks=[Mark(x=2, words="v2 promoted")],
    )
    assert texts(drawn)[-1] == "at least 0.85"
    assert "v2 promoted" in texts(drawn)
    assert {"v1", "v2", "v3"} <= {*texts(drawn)}
    assert classes(drawn, "circle") == ["dot s0"] * 3
    assert classes(drawn, "rect") == ["beyond"]
    assert ET.fromstring(drawn).get("aria-label") == "auc. auc: 3 values, the last 0.91; at least 0.85"


def test_a_bound_that_is_far_away_makes_no_flat_line() -> None:
    drawn = line_plot("rmse", [versions(0.5, 0.52)], bounds=[Bound(value=60, kind="max")])
    assert "at most 60 ↑" in texts(drawn)
    assert classes(drawn, "rect") == []


def test_days_are_on_an_axis_of_time_and_points_lead_to_their_pages() -> None:
    points = tuple(
        Point(x=BEGIN + timedelta(days=day), y=day, href=f"/runs/{day}", label=f"day {day}") for day in range(9)
    )
    root = ET.fromstring(line_plot("drift", [Series(name="psi", points=points)]))
    assert [link.get("href") for link in root.iter(f"{SPACE}a")] == [f"/runs/{day}" for day in range(9)]
    assert [link.get("aria-label") for link in root.iter(f"{SPACE}a")][:2] == ["day 0", "day 1"]
    assert root.get("role") == "group"
    assert "2026-11-05" in texts(ET.tostring(root, encoding="unicode"))


@pytest.mark.long
def test_several_lines_have_names() -> None:
    drawn = line_plot("x", [versions(1, 2), Series(name="other", points=(Point(x=1, y=3), Point(x=2, y=4)))])
    assert {"auc", "other"} <= {*texts(drawn)}
    assert [kind for kind in classes(drawn, "path") if kind.startswith("line")] == ["line s0", "line s1"] * 2


def test_nothing_is_drawn_of_nothing() -> None:
    assert line_plot("x", [Series(name="x", points=())]) == ""
    assert (curve_plot([]), scatter_plot([]), residuals_plot(None), quantiles_plot([(0.5, 1.0)])) == ("", "", "", "")


numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.long
@given(names, st.lists(st.tuples(numbers, numbers), max_size=20), st.lists(numbers, max_size=3))
def test_any_number_and_any_name_makes_a_plot(name: str, pairs: list[tuple[float, float]], limits: list[float]) -> None:
    bounds = [Bound(value=limit, kind="max", note=name) for limit in limits]
    series = [Series(name=name, points=tuple(Point(x=x, y=y, label=name) for x, y in pairs))] * 2
    drawn = (
        line_plot(name, series, bounds=bounds, marks=[Mark(x=limit, words=name) for limit in limits]),
        scatter_plot(pairs),
        quantiles_plot(sorted((abs(x) % 1, abs(y)) for x, y in pairs)),
        *(meter_plot(name, y, x, bounds) for x, y in pairs),
    )
    for svg in filter(None, drawn):
        root = ET.fromstring(svg)
        places = [element.get(key) for element in root.iter() for key in ("x", "y", "cx", "cy", "width", "height", "d")]
        assert not any("nan" in place or "inf" in place for place in places if place)


def test_hostile_names_are_texts() -> None:
    curve = Curve(name=HOSTILE, x_label=HOSTILE, y_label=HOSTILE, points=((0, 0), (1, 1)))
    table = confusion_table(Confusion(labels=(HOSTILE,), counts=((1,),)), caption=HOSTILE)
    for drawn in (line_plot(HOSTILE, [Series(name=HOSTILE, points=(Point(x=1, y=1, label=HOSTILE),))]),
                  curve_plot([(HOSTILE, curve), (HOSTILE, curve)]), table):  # fmt: skip
        tags = {element.tag.removeprefix(SPACE) for element in ET.fromstring(drawn).iter()}
        assert tags <= {"svg", "title", "desc", "path", "text", "circle", "g", "rect", "table", "caption", "tr", "th", "td",
                        "small"}  # fmt: skip


def test_a_matrix_stands_beside_the_champions() -> None:
    one = Confusion(labels=("no", "yes"), counts=((90, 10), (5, 15)))
    table = confusion_table(one, Confusion(labels=("no", "yes"), counts=((80, 20), (0, 0))))
    cells = ["".join(cell.itertext()) for cell in ET.fromstring(table).iter("td")]
    assert cells == [
        "truth ↓, prediction →", "9090.0 %champion 80.0 %", "1010.0 %champion 20.0 %", "525.0 %champion 0.0 %",
        "1575.0 %champion 0.0 %",
    ]  # fmt: skip
    assert [cell.get("class") for cell in ET.fromstring(table).iter("td")][1:] == ["heat9", "heat1", "heat2", "heat8"]
    assert "champion" not in confusion_table(one, Confusion(labels=("no",), counts=((1,),)))


REGRESSION = {
    "regression_metrics": {
        "rmse": {"value": 0.5},
        "predicted_and_actual": {"actuals": [1, 2, None, 4], "predictions": [1.5, 2.5, 3, "x"]},
        "residual_histogram": {"edges": [-1, 0, 1], "counts": [3, 1]},
        "absolute_error_quantiles": {"quantiles": [0.9, 0.5, 2], "errors": [1.0, 0.4, 9]},
    }
}


def test_what_a_regression_has_is_found() -> None:
    assert find_predicted(REGRESSION) == ((1, 1.5), (2, 2.5))
    assert find_residuals(REGRESSION) == Histogram(edges=(-1, 0, 1), counts=(3, 1))
    assert find_quantiles(REGRESSION) == ((0.5, 0.4), (0.9, 1.0))


@pytest.mark.parametrize(
    "residuals",
    [3, {}, {"edges": [0, 1], "counts": []}, {"edges": [0, 1], "counts": [1, 2]}, {"edges": [1, 0], "counts": [1]},
     {"edges": [0, 1], "counts": [-1]}, {"edges": [0, "x"], "counts": [1]}],
)  # fmt: skip
def test_a_histogram_that_is_not_whole_is_none(residuals: Any) -> None:
    assert find_residuals({"residual_histogram": residuals}) is None


def test_a_regression_is_drawn_beside_the_champions() -> None:
    assert ET.fromstring(scatter_plot([(1, 1), (2, 2)])).get("aria-label") == "Predicted and actual. 2 rows"
    own, other = Histogram(edges=(-1, 0, 1), counts=(3, 1)), Histogram(edges=(-2, 0, 2), counts=(1, 1))
    assert [kind for kind in classes(residuals_plot(own, other), "path") if kind == "before"] == ["before"]
    assert classes(residuals_plot(own), "rect") == ["column"] * 2
    drawn = quantiles_plot([(0.5, 0.4), (0.9, 1.0)], [(0.5, 0.3), (0.9, 0.8)])
    assert classes(drawn, "path")[-2:] == ["line s1", "line s0"]
    assert "half of the rows are off by at most 0.4" in ET.fromstring(drawn).get("aria-label", "")


def test_a_number_lies_among_its_bounds() -> None:
    bounds = [Bound(value=0.6, kind="max"), Bound(value=0.525, kind="max", note="5% worse than the champion")]
    fine = meter_plot("rmse", 0.52, 0.5, bounds)
    assert classes(fine, "circle") == ["was", "value"]
    assert classes(meter_plot("rmse", 0.55, 0.5, bounds), "circle") == ["was", "value bad"]
    assert "at most 0.525 (5% worse than the champion), champion 0.5" in ET.fromstring(fine).get("aria-label", "")


@given(numbers, numbers)
def test_an_axis_has_few_round_numbers(low: float, high: float) -> None:
    scale = scale_of([low, high], 0, 100)
    assert scale.low < scale.high
    assert 1 <= len(ticks(scale)) <= 7
    assert all(0 <= scale.at(value) <= 100 for value in (low, high, *ticks(scale)))
    assert len(time_ticks(scale)) <= 8
    assert len(whole_ticks(scale)) <= 10


def test_round_numbers() -> None:
    assert ticks(Scale(low=0.81, high=0.93, start=0, end=1), 4) == pytest.approx([0.85, 0.9])
    assert whole_ticks(Scale(low=0.5, high=3.4, start=0, end=1)) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.0, 1.0), ["0", "0.5", "1"]),
        # Numbers that four digits would make the same.
        ((0.99991, 0.99996), ["0.99992", "0.99994", "0.99996"]),
        ((48_123.1, 48_123.9), ["48,123.25", "48,123.50", "48,123.75"]),
        ((123_456.1, 123_456.4), ["123456.10", "123456.20", "123456.30", "123456.40"]),
        ((1e-15, 3e-15), ["1.0e-15", "2.0e-15", "3.0e-15"]),
        # More than there is room for, and more than can be told apart.
        ((-1e308, 1e308), ["-1e+150", "0", "1e+150"]),
        ((1e12, 1e12 + 1), ["1e+12", "1e+12", "1e+12"]),
        # As good as nothing: a share of it would be nothing.
        ((0.0, 5e-324), ["-1", "0", "1"]),
        ((1e-160, 1e-155), ["-1", "0", "1"]),
    ],
)
def test_what_stands_at_an_axis_is_the_number(values: tuple[float, float], words: list[str]) -> None:
    assert tick_words(ticks(scale_of(values, 0, 100), 4)) == words


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_there_is_room_for_what_stands_at_an_axis(values: list[float]) -> None:
    for widest in (7, 9):
        assert all(
            len(text) <= widest for text in tick_words(ticks(scale_of(values, 0, 100), 4), widest) if "e" not in text
        )


def test_lines_of_numbers_that_are_as_good_as_nothing_are_drawn() -> None:
    assert "circle" in line_plot("p", [versions(0.0, 5e-324)], size=(510, 190))
