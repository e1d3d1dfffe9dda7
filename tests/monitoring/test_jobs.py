"""What the jobs of Baseline and Monitor steps find in data of every kind, in the packages of an image."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.interpreters import find_interpreter
from pipeline_builder.engine.jobs.requirements import image_lines
from pipeline_builder.errors import InputProblems
from pipeline_builder.monitoring.inside.failure import UnusableError
from pipeline_builder.monitoring.inside.limits import Limited
from tests.engine.environments import shared_environment
from tests.monitoring.cases import CASES, ROWS
from tests.monitoring.jobs import Ended, read_cases, run_cases

FOUND: dict[str, list[tuple[str, str, str]]] = {
    "normal": [],
    "shifted": [("range", "age", "range"), ("drift", "age", "psi"), ("drift", "age", "ks"), ("drift", "", "share")],
    "own bounds": [],
    "missing": [("missing", "age", "missing")],
    "all missing": [("missing", "age", "missing")],
    "new category": [("category", "city", "category")],
    "type": [("type", "age", "type")],
    "infinite": [("range", "age", "range")],
    "out of range": [("range", "visits", "range")],
    "asked range": [("range", "age", "range")],
    "column gone": [("schema", "age", "gone"), ("schema", "<b>age</b>", "new")],
    "column new": [("schema", "extra", "new")],
    "no names": [],
    "too few without names": [("schema", "", "columns")],
    "switches": [],
    "empty": [("rows", "", "input")],
    "only names": [("rows", "", "input")],
    "nothing there": [("rows", "", "input")],
    "latin-1": [("schema", "", "unreadable")],
    "latin-1 said": [],
    "no encoding": [("schema", "", "unreadable")],
    "ragged": [("schema", "", "unreadable")],
    "short row": [],
    "open quote": [("schema", "", "unreadable")],
    "zeros": [("category", "city", "category")],
    "no parquet": [("schema", "", "unreadable")],
    "huge field": [("category", "city", "category")],
    "packed": [],
    "cut": [("schema", "", "unreadable")],
    "two files": [],
    "json": [("category", "tags", "category"), ("missing", "city", "missing")],
    "no json": [("schema", "", "unreadable")],
    "fewer": [("rows", "", "predictions")],
    "more": [("rows", "", "predictions")],
    "no predictions": [("rows", "", "predictions")],
    "predictions drift": [("drift", "prediction", "psi")],
    "predictions in lists": [],
    "joined": [],
    "wrong prediction": [("schema", "", "unreadable")],
    "classes": [("drift", "prediction", "psi")],
    "labels by key": [],
    "labels apart": [],
    "some labels": [],
    "late labels": [],
    "labels without key": [("quality", "", "labels")],
    "labels in order": [],
    "labels of another number": [("quality", "", "labels")],
    "regression": [("quality", "", "rmse")],
    "many classes": [],
    "constant": [("range", "unit", "range"), ("drift", "unit", "psi")],
    "constant stays": [],
    "all null": [],
    "all null stays": [],
    "identities": [],
    "leading zeros": [],
    "without values": [("range", "age", "range"), ("drift", "age", "psi"), ("drift", "age", "ks")],
    "chosen kind": [],
    "model monitor's": [("schema", "visits", "new"), ("schema", "member", "new")],
    "left out by the baseline": [],
    "switches with holes": [],
    "days": [],
    "often one value": [("drift", "rate", "psi")],
    "few rows": [],
    "few rows, far": [("range", "age", "range"), ("drift", "age", "psi"), ("drift", "town", "psi")],
    "fewer than asked": [("range", "age", "range")],
    "empty lines first": [],
    "ends of lines": [],
    "mark of order": [],
    "joined json": [],
    "half a character": [("schema", "", "unreadable")],
    "predictions with a name": [],
    "one label": [],
    "one label of who knows what": [("quality", "", "labels")],
    "keys with zeros": [],
    "keys of others": [("quality", "", "labels")],
    "labels of two kinds": [("quality", "", "unreadable")],
    "scores for three": [("quality", "", "labels")],
    "few prices": [],
    "index in front": [],
    "ends with a separator": [],
    "rows without names": [],
    "one row": [],
    "as large as numbers are": [],
    "next to the bound": [("quality", "", "rmse")],
    "predictions by pandas": [],
    "no predictions but NaN": [("missing", "prediction", "missing")],
    "some are none": [
        ("missing", "prediction", "missing"),
        ("range", "prediction", "range"),
        ("type", "prediction", "type"),
    ],
    "labels to come": [],
    "logits": [("quality", "", "labels")],
    "unknown positive": [("quality", "", "labels")],
    "long keys": [],
    "keys of microseconds": [],
    "true and 1": [],
    "wide": [],
}
WORDS = {
    "no predictions but NaN": "100 % of the predictions are missing, 0 % were to be expected",
    "some are none": "9.75 % of the predictions are missing, 0 % were to be expected1 of the predictions are infinite",
    "logits": "the predictions are no label, such as '-2.005', and the labels have 2 classes: '0', '1'",
    "unknown positive": "'positive' is 'true', and the labels are 'no', 'yes'",
    "next to the bound": "rmse is 1.0, the bound is 0.99999",
    "fewer": "390 predictions for 400 rows: 10 are missing",
    "latin-1": "the file 'b.csv' is not utf-8: 'utf-8' codec can't decode byte 0xf6",
    "ragged": "the file 'day.csv' can't be read as csv: ",
    "cut": "the file 'day.csv.gz' can't be read as csv: Compressed file ended before the end-of-stream marker",
    "column gone": "the column 'age' is gone",
    "new category": "'city': 1 % of its values are of categories the baseline hasn't got: '<script>alert(1)</script>'",
    "wrong prediction": "the file 'p.csv' has no column 'score', it has: a, b",
    "labels of two kinds": "the files are written in several ways: 'l.csv', 'm.md'",
    "scores for three": "the predictions are scores, and the labels have 3 classes: 'a', 'b', 'c'",
    "labels of another number": "2 labels for 400 predictions, and no 'key' tells which is which",
}
FAILED = {
    "several kinds": (
        "the files are written in several ways: 'about.json', 'train.csv'; put others elsewhere, or say 'files'",
        "has no statistics",
    ),
    "no rows": ("the data that the baseline is made of have no rows", "has no statistics.json: train it anew"),
    "next version": ("have no rows", "the model's baseline has the version 7 of statistics.json, known is 0"),
    "endless baseline": ("have no rows", "the model's baseline can't be read: statistics.json: OverflowError"),
    "deep baseline": ("have no rows", "the model's baseline can't be read: statistics.json: RecursionError"),
    "broken baseline": ("have no rows", "the model's baseline can't be read: statistics.json"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found(ended: dict[str, Ended], name: str) -> None:
    one = ended[name]
    assert one.violations("kind", "column", "statistic") == FOUND[name]
    assert WORDS.get(name, "") in "".join(found["message"] for found in one.report["violations"])
    for found in one.report["violations"]:
        assert found["value"] is None or found["bound"] is None or found["value"] != found["bound"]


@pytest.mark.parametrize("name", FAILED)
def test_what_ends_the_job_in_words(ended: dict[str, Ended], name: str) -> None:
    baseline, monitor = FAILED[name]
    assert baseline in ended[name].baseline
    assert monitor in ended[name].monitor


def test_a_long_name_is_its_beginning(ended: dict[str, Ended]) -> None:
    (_, gone), (_, new) = ended["huge name"].violations("kind", "column")
    assert gone == "age"
    assert new.startswith("a" * 200 + "…")
    assert len(new) < 250


def test_the_report(ended: dict[str, Ended]) -> None:
    report = ended["shifted"].report
    assert (report["format"], report["rows"]) == (1, {"input": ROWS, "predictions": None})
    assert report["library"].startswith("scipy ")
    age, city = report["columns"]["age"], report["columns"]["city"]
    assert (age["type"], city["type"]) == ("numerical", "categorical")
    assert age["baseline"]["bins"][0] is None is age["baseline"]["bins"][-1]
    assert len(age["baseline"]["bins"]) == len(age["baseline"]["counts"]) + 1 == len(age["current"]["counts"]) + 1
    assert sum(age["baseline"]["counts"]) == sum(age["current"]["counts"]) == ROWS
    assert sorted(city["baseline"]["categories"]) == ["Bonn", "Köln", "Ulm"]
    assert report["drift"]["max_psi"] == age["psi"] == max(one["psi"] for one in report["columns"].values())
    assert report["drift"]["columns"] == 1
    assert report["bounds"] == {
        "missing": 0.05,
        "range": 0.01,
        "category": 0.0,
        "type": 0.0,
        "psi": 0.2,
        "ks": 0.3,
        "share": 0.2,
    }
    assert ended["own bounds"].report["columns"]["age"]["bounds"] == {"psi": 9, "range": 1}


def test_of_few_rows_drift_is_what_is_no_chance(ended: dict[str, Ended]) -> None:
    """A day of fifty rows of the same towns has a PSI past every usual bound, and has not drifted."""
    few, far, asked = (ended[name].report for name in ("few rows", "few rows, far", "fewer than asked"))
    assert few["columns"]["town"]["psi"] > 0.2
    assert few["columns"]["town"]["judged"] is False
    assert few["notes"] == ["past a bound of drift, but of so few values that it may be chance: 'town'"]
    assert few["drift"]["columns"] == 0
    assert few["drift"]["max_psi"] == few["columns"]["visits"]["psi"] < 0.2  # of those that aren't past their bound
    assert far["drift"]["max_psi"] == max(far["columns"][name]["psi"] for name in ("age", "town"))
    assert asked["columns"]["age"]["psi"] > 5
    assert asked["drift"]["max_psi"] < 0.2
    assert asked["drift"]["unjudged"] == 5
    assert asked["notes"][1] == "'columns' has bounds of what the baseline has no column of: 'agee'"
    assert "judged" not in ended["shifted"].report["columns"]["age"]


def test_a_value_that_most_rows_have_is_a_bin(ended: dict[str, Ended]) -> None:
    rate = ended["often one value"].report["columns"]["rate"]
    assert rate["baseline"]["counts"] == [20, 380, 0]
    assert rate["current"]["counts"] == [200, 200, 0]


def test_columns_without_a_name_keep_no_others_from_theirs(ended: dict[str, Ended]) -> None:
    names = [list(ended[name].report["columns"]) for name in ("index in front", "ends with a separator")]
    assert [sorted(one) for one in names] == [
        ["age", "city", "member", "visits"],
        ["", "age", "city", "member", "visits"],
    ]
    assert list(ended["rows without names"].report["columns"]) == ["_c0", "_c1", "_c2"]


def test_bins_of_the_largest_numbers(ended: dict[str, Ended]) -> None:
    bins = ended["as large as numbers are"].report["columns"]["a"]["baseline"]
    assert (None in bins["bins"][1:-1], bins["counts"]) == (False, [0, 99, 99, 99, 0])


def test_what_only_parquet_has(measured: dict[str, Any]) -> None:
    """Lengths of time that are missing are no numbers, and values that a dictionary names are none of a row's."""
    assert measured["columns"] == {"lengths": [2, 1, 60.0, 90.0], "dictionary": {"a": 2, "b": 1}}


def test_answers_that_are_written_otherwise(ended: dict[str, Ended]) -> None:
    """Keys of more digits than a fraction has are no neighbours', one that is missing changes no other, and true is 1."""
    names = ("long keys", "keys of microseconds", "true and 1", "predictions by pandas")
    qualities = [ended[name].report["quality"] for name in names]
    assert [(one["accuracy"]["value"], one["rows"]["value"]) for one in qualities] == [(1.0, ROWS)] * 4
    assert ended["labels to come"].report["quality"] is None


def test_a_row_without_end_is_refused() -> None:
    file = Limited(io.BytesIO(b"x" * 200), most=60)
    assert file.read(60) == b"x" * 60
    file.seen = 0
    with pytest.raises(UnusableError, match="has a row, or a part of some thousands, of more than"):
        [file.read(30) for _ in range(3)]


def test_what_is_written_is_utf_8(ended: dict[str, Ended]) -> None:
    for name in ("statistics.json", "monitor.json"):
        assert json.dumps(ended["half a character"].json(name), ensure_ascii=False).encode("utf-8")
    assert r"a\ud800" in ended["half a character"].report["columns"]


def test_quality(ended: dict[str, Ended]) -> None:
    assert ended["labels by key"].report["quality"]["auc"] == {"value": 1.0}
    assert ended["labels in order"].report["quality"]["rows"] == {"value": ROWS}
    assert 0 < ended["some labels"].report["quality"]["rows"]["value"] < ROWS
    assert ended["regression"].report["quality"]["rmse"] == {"value": 1.0}
    assert ended["many classes"].report["quality"]["accuracy"] == {"value": 0.75}
    assert ended["late labels"].report["quality"] is None
    assert ended["keys with zeros"].report["quality"]["rows"] == {"value": ROWS - (ROWS + 8) // 9}
    assert ended["few prices"].report["quality"]["rmse"] == {"value": 1.0}
    assert ended["one label"].report["quality"]["accuracy"]["value"] > 0.6


def test_the_baseline_has_model_monitors_schema(ended: dict[str, Ended]) -> None:
    statistics, constraints = (ended["normal"].json(f"{name}.json") for name in ("statistics", "constraints"))
    assert statistics["dataset"] == {"item_count": ROWS}
    age, visits, city, _ = statistics["features"]
    assert [one["inferred_type"] for one in (age, visits, city)] == ["Fractional", "Integral", "String"]
    numbers = age["numerical_statistics"]
    assert numbers["common"] == {"num_present": ROWS, "num_missing": 0}
    assert sum(bucket["count"] for bucket in numbers["distribution"]["kll"]["buckets"]) == ROWS
    assert numbers["distribution"]["kll"]["sketch"].keys() == {"parameters", "data", "error"}
    assert {"mean", "sum", "std_dev", "min", "max"} < numbers.keys()
    buckets = city["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == ROWS
    assert city["string_statistics"]["distinct_count"] == 3
    assert constraints["features"][0] == {
        "name": "age", "inferred_type": "Fractional", "completeness": 1.0, "num_constraints": {"is_non_negative": True},
    }  # fmt: skip
    assert constraints["features"][2]["string_constraints"] == {"domains": ["Bonn", "Köln", "Ulm"]}
    assert constraints["monitoring_config"]["evaluate_constraints"] == "Enabled"


def test_the_baseline_of_predictions(ended: dict[str, Ended]) -> None:
    quality = ended["labels by key"].json("quality_statistics.json")
    assert quality["binary_classification_metrics"]["auc"] == {"value": 1.0}
    assert quality["prediction"]["name"] == "prediction"
    apart = ended["labels apart"].json("quality_statistics.json")
    assert (
        apart["binary_classification_metrics"] == quality["binary_classification_metrics"]
    )  # in whatever order they are
    limits = ended["labels by key"].json("quality_constraints.json")["binary_classification_constraints"]
    assert limits["auc"] == {"threshold": 1.0, "comparison_operator": "LessThanThreshold"}
    assert limits["log_loss"]["comparison_operator"] == "GreaterThanThreshold"


def test_without_values_none_of_a_single_row_is_kept(ended: dict[str, Ended]) -> None:
    age, _, city, _ = ended["without values"].json("statistics.json")["features"]
    assert "sketch" not in age["numerical_statistics"]["distribution"]["kll"]
    assert sum(one["count"] for one in age["numerical_statistics"]["distribution"]["kll"]["buckets"]) == ROWS
    assert all(one["count"] >= 10 for one in city["string_statistics"]["distribution"]["categorical"]["buckets"])


def test_the_same_data_give_the_same_bytes(ended: dict[str, Ended]) -> None:
    assert ended["normal"].files["statistics.json"] == ended["shifted"].files["statistics.json"]


def test_the_examples_are_of_this_shape(ended: dict[str, Ended]) -> None:
    """What views and gates are tested with has what a job writes."""
    written, kept = (
        ended["labels by key"].report,
        json.loads((Path(__file__).parent / "examples/monitor.json").read_text()),
    )
    assert kept.keys() == written.keys()
    assert kept["drift"].keys() == written["drift"].keys()
    assert kept["predictions"].keys() == written["predictions"].keys()
    assert kept["columns"]["BounceRates"].keys() == written["columns"]["age"].keys()
    assert {key for found in kept["violations"] for key in found} == {
        "kind",
        "column",
        "statistic",
        "value",
        "bound",
        "message",
    }


@pytest.mark.long
def test_the_same_is_found_in_what_awss_image_has(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Python 3.8, pandas 1.1 and SciPy 1.8, as in the scikit-learn image 1.2-1."""
    try:
        find_interpreter("3.8")
    except InputProblems:
        pytest.skip("there is no Python 3.8 here")
    lines = image_lines(("numpy==1.24.1", "pandas==1.1.3", "scipy==1.8.0", "scikit-learn==1.2.1"), "3.8")
    python = shared_environment((lines,), "pass", tmp_path_factory)
    run_cases(python, tmp_path, CASES)
    found = read_cases(tmp_path, CASES)
    assert {name: found[name].violations("kind", "column", "statistic") for name in FOUND} == FOUND
