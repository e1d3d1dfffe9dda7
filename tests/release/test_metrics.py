"""Evaluation reports: numbers by path, beside the champion's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.release.metrics import (
    compare_metrics,
    find_confusion,
    find_curves,
    flatten_metrics,
    main_metric,
    metric_at,
)
from tests.release.records import CHAMPION, METRICS


def test_wrappers_and_value_say_nothing_to_a_reader() -> None:
    assert [(m.path, m.value) for m in flatten_metrics(METRICS)] == [("auc", 0.9142), ("f1", 0.66)]


def test_candidate_beside_champion() -> None:
    compared = compare_metrics(METRICS, CHAMPION)
    assert [(m.path, m.candidate, m.champion) for m in compared] == [
        ("auc", 0.9142, 0.9), ("f1", 0.66, None), ("accuracy", None, 0.8),
    ]  # fmt: skip
    assert compared[0].difference == pytest.approx(0.0142)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("binary_classification_metrics.auc.value", 0.9142),
        ("binary_classification_metrics.auc", None),
        ("binary_classification_metrics.confusion_matrix.0.1", 5.0),
        ("folds[1].rmse", 2.5),
        ("folds[2].rmse", None),
        ("flag", None),
        ("", None),
    ],
)
def test_a_metric_by_path(path: str, value: float | None) -> None:
    report = {**METRICS, "folds": [{"rmse": 1}, {"rmse": 2.5}], "flag": True}
    assert metric_at(report, path) == value


def test_a_matrix_and_a_curve() -> None:
    confusion = find_confusion(METRICS)
    assert confusion is not None
    assert (confusion.labels, confusion.counts) == (("0", "1"), ((95.0, 5.0), (10.0, 15.0)))
    (curve,) = find_curves(METRICS)
    assert curve.points == ((0.0, 0.0), (0.1, 0.8), (1.0, 1.0))


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["confusion_matrix", "receiver_operating_characteristic_curve", "value", "0", "recalls"]),
            inner,
        )
    ),
    max_leaves=10,
)


@pytest.mark.long
@given(json_values, st.text("a0.[]", max_size=8))
def test_any_json_is_read_without_an_error(report: Any, path: str) -> None:
    compare_metrics(report, report)
    find_confusion(report)
    find_curves(report)
    metric_at(report, path)


def test_one_metric_stands_for_a_model() -> None:
    assert main_metric(("rows", "auc")) == "auc"
    assert main_metric(("rows", "auc"), ("rows",)) == "rows"
    assert main_metric(("rows",)) == "rows"
    assert main_metric((), ("auc",)) == ""
    assert main_metric(("x.value", "y.value")) == "x.value"
    wrapped = [f"binary_classification_metrics.{name}.value" for name in ("f1", "auc")]
    assert main_metric(wrapped) == wrapped[1]
