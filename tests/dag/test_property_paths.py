"""Paths into a property file: what SageMaker takes, what is there, and how a name is written that needs brackets."""

from __future__ import annotations

import pytest

from pipeline_builder.dag.property_paths import PathError, bare_blank, check_path, spoken, value_at

REPORT = {
    "mAP@0.5": {"value": 0.4}, "auc": {"value": 0.9}, "weighted avg": {"f1-score": 0.7}, "metrics/mAP50(B)": 0.5,
    "AP@[.5:.95]": 0.3, "it's": 1, "folds": [{"rmse": 2}, {"rmse": 3}], "größe": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("auc.value", 0.9, "auc.value"),
        ("$.auc.value", 0.9, "auc.value"),
        ("$['auc'].value", 0.9, "auc.value"),
        ("['mAP@0.5'].value", 0.4, "mAP@0.5.value"),
        ("$.['mAP@0.5']['value']", 0.4, "mAP@0.5.value"),
        ("['weighted avg'].f1-score", 0.7, "weighted avg.f1-score"),
        ("['metrics/mAP50(B)']", 0.5, "metrics/mAP50(B)"),
        ('["AP@[.5:.95]"]', 0.3, "AP@[.5:.95]"),
        ('["it\'s"]', 1, "it's"),
        ("folds[0].rmse", 2, "folds[0].rmse"),
        ("folds[-1].rmse", 3, "folds[-1].rmse"),
        ("größe", 5, "größe"),
    ],
)
def test_a_value_by_its_path(path: str, value: object, shown: str) -> None:
    check_path(path)
    assert (value_at(REPORT, path), spoken(path)) == (value, shown)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("weighted avg.f1", "'weighted avg.f1' on; a name with a blank or a parenthesis is written ['weighted avg']"),
        ("a.it's (B)", "'.it's (B)' on"),
        ("a.mAP50(B)", "'.mAP50(B)' on; a name with a blank or a parenthesis is written ['mAP50(B)']"),
        ("a..b", "'..b' on"),
        (".a", "'.a' on"),
        ("a.", "'.' on"),
        ("a.*", "'.*' on"),
        ("a[*]", "'[*]' on"),
        ("a[?(@.b)]", "'[?(@.b)]' on"),
        ("@.a", "'@.a' on"),
        ("$", "'$' on"),
        ("", "'' on"),
    ],
)
def test_a_path_that_is_none(path: str, why: str) -> None:
    with pytest.raises(PathError) as caught:
        check_path(path)
    assert str(caught.value) == f"the path '{path}' can't be read from {why}"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("mAP@0.5.value", "the file has 'mAP@0.5', 'x', 'list'; a name with a dot in it is written ['mAP@0.5']"),
        ("$.x.a.b[0]", "'$.x' has 'a.b'; a name with a dot in it is written ['a.b']"),
        ("x.b", "'x' has 'a.b'"),
        ("list[2]", "'list' has 2 items"),
        ("list.a", "'list' has 2 items"),
        ("x[0]", "'x' has 'a.b'"),
        ("list[0].a", "'list[0]' has nothing below it"),
    ],
)
def test_where_nothing_is(path: str, why: str) -> None:
    with pytest.raises(PathError) as caught:
        value_at({"mAP@0.5": {"value": 1}, "x": {"a.b": [1]}, "list": [1, 2]}, path)
    assert str(caught.value) == f"it has no '{path}': {why}"


def test_a_blank_without_brackets() -> None:
    paths = (
        "a b.c",
        "x['a b'].c d",
        "['a b']",
        "a[?(@.b == 'c d')].e",
        "$.concat($.a, $.b)",
        "a[0, 1]",
        "a.b",
        "a['b c'] d",
    )
    assert [bare_blank(path) for path in paths] == ["['a b']", "['c d']", "", "", "", "", "", ""]
    assert value_at(REPORT, "weighted avg.f1-score") == 0.7  # as what was judged by it before finds it
