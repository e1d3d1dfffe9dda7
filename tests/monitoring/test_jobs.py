"""What the jobs of Baseline and Monitor steps find in data of every kind, in the packages of an image."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.interpreters import find_interpreter
from pipeline_builder.engine.jobs.requirements import image_lines
from pipeline_builder.errors import InputProblems
from tests.engine.environments import shared_environment
from tests.monitoring.jobs import PROGRAM, Case, Ended, image_python, run_cases

ROWS = 400


def table(seed: int, *, shift: float = 0.0, rows: int = ROWS, **more: Any) -> str:
    """Return a CSV: a number, a count, a category, a switch; `more` are columns of a constant or a function."""
    chance = random.Random(seed)
    names = ["age", "visits", "city", "member", *more]
    lines = [",".join(names)]
    for number in range(rows):
        row: list[Any] = [
            f"{chance.gauss(40 + shift, 10):.3f}",
            chance.randint(0, 9),
            chance.choice(["Bonn", "Köln", "Ulm"]),
        ]
        row.append(chance.choice(["TRUE", "FALSE"]))
        row += [value(number) if callable(value) else value for value in more.values()]
        lines.append(",".join(map(str, row)))
    return "\n".join(lines) + "\n"


def lines(seed: int, mean: float = 0.3, rows: int = ROWS) -> str:
    chance = random.Random(seed)
    return "".join(f"{min(1, max(0, chance.gauss(mean, 0.1))):.4f}\n" for _ in range(rows))


TRAIN, DAY = table(1), table(2)
PLAIN = {"data/train.csv": TRAIN}


def day(text: str | bytes, **more: str | bytes) -> dict[str, str | bytes]:
    return {"data/day.csv": text, **more}


def replaced(text: str, column: int, value: str, every: int = 1) -> str:
    head, *rows = text.splitlines()
    found = []
    for number, row in enumerate(rows):
        fields = row.split(",")
        fields[column] = value if number % every == 0 else fields[column]
        found.append(",".join(fields))
    return "\n".join([head, *found]) + "\n"


LABELLED = {"data/train.csv": table(1, bought=lambda n: "yes" if n % 3 == 0 else "no", id=lambda n: f"s{n}")}
KEYED = table(2, id=lambda n: f"s{n}")
KEYS = {"label": "bought", "key": "id"}
TRUTH = "id,bought\n" + "".join(f"s{n},{'yes' if n % 3 == 0 else 'no'}\n" for n in reversed(range(ROWS)))
SCORES = "".join(f"{0.9 if n % 3 == 0 else 0.2}\n" for n in range(ROWS))
WIDE = (
    ",".join(f"c{n}" for n in range(500))
    + "\n"
    + "\n".join(",".join(str(n % 7 + r) for n in range(500)) for r in range(20))
)
SWISS = table(3).encode("utf-8").replace("Köln".encode(), "Köln".encode("latin-1"))

CASES: dict[str, Case] = {
    "normal": Case(train=PLAIN, day=day(DAY, **{"predictions/day.csv.out": lines(4)})),
    "shifted": Case(train=PLAIN, day=day(table(2, shift=15)), watch={"drift": {"psi": 0.2, "ks": 0.3, "share": 0.2}}),
    "own bounds": Case(train=PLAIN, day=day(table(2, shift=15)), watch={"drift": {"psi": 0.2}, "columns": {"age": {"psi": 9, "range": 1}}}),
    "missing": Case(train=PLAIN, day=day(replaced(DAY, 0, "", 4))),
    "all missing": Case(train=PLAIN, day=day(replaced(DAY, 0, ""))),
    "new category": Case(train=PLAIN, day=day(replaced(DAY, 2, "<script>alert(1)</script>", 100))),
    "type": Case(train=PLAIN, day=day(replaced(DAY, 0, "n.a.", 10))),
    "infinite": Case(train=PLAIN, day=day(replaced(DAY, 0, "inf", 200))),
    "out of range": Case(train=PLAIN, day=day(replaced(DAY, 1, "5000", 10))),
    "asked range": Case(train=PLAIN, day=day(DAY), watch={"columns": {"age": {"min": 0, "max": 41}}}),
    "column gone": Case(train=PLAIN, day=day(DAY.replace("age,", "<b>age</b>,"))),
    "column new": Case(train=PLAIN, day=day(table(2, extra=1))),
    "no names": Case(train=PLAIN, day=day(DAY.partition("\n")[2])),
    "too few without names": Case(train=PLAIN, day=day("1,2\n3,4\n")),
    "switches": Case(train=PLAIN, day=day(DAY.replace("TRUE", "true").replace("FALSE", "False"))),
    "empty": Case(train=PLAIN, day=day("")),
    "only names": Case(train=PLAIN, day=day("age,visits,city,member\n")),
    "nothing there": Case(train=PLAIN, day={"data/_SUCCESS": ""}),
    "latin-1": Case(train=PLAIN, day={"data/a.csv": DAY, "data/b.csv": SWISS}),
    "latin-1 said": Case(train=PLAIN, day=day(SWISS), watch={"encoding": "latin-1"}),
    "no encoding": Case(train=PLAIN, day=day(DAY), watch={"encoding": "klingon"}),
    "ragged": Case(train=PLAIN, day=day(DAY + "1,2,Bonn,TRUE,5,6\n")),
    "short row": Case(train=PLAIN, day=day(DAY + "41\n")),
    "open quote": Case(train=PLAIN, day=day(DAY + '41,2,"Bonn,TRUE\n')),
    "zeros": Case(train=PLAIN, day=day(DAY + "41,2,Bo\0nn,TRUE\n")),
    "no parquet": Case(train=PLAIN, day={"data/day.parquet": b"PAR1 is not"}),
    "huge field": Case(train=PLAIN, day=day(replaced(DAY, 2, "x" * 300_000, 399))),
    "huge name": Case(train=PLAIN, day=day(DAY.replace("age,", "a" * 500_000 + ","))),
    "packed": Case(train=PLAIN, day={"data/day.csv.gz": gzip.compress(DAY.encode(), mtime=0)}),
    "cut": Case(train=PLAIN, day={"data/day.csv.gz": gzip.compress(DAY.encode(), mtime=0)[:-200]}),
    "two files": Case(train=PLAIN, day={"data/a/1.csv": DAY, "data/b/2.csv": table(5)}),
    "json": Case(
        train={"data/a.jsonl": "".join(json.dumps({"age": n % 50, "tags": ["a"], "city": "Ulm"}) + "\n" for n in range(200))},
        day={"data/b.jsonl": "".join(json.dumps({"age": n % 50, "tags": {"b": n % 2}, "city": None}) + "\n" for n in range(100))},
    ),
    "no json": Case(train=PLAIN, day={"data/b.jsonl": '{"age": 1}\n{"age": \n'}),
    "fewer": Case(train=PLAIN, day=day(DAY, **{"predictions/day.csv.out": lines(4, rows=390)})),
    "more": Case(train=PLAIN, day=day(DAY, **{"predictions/day.csv.out": lines(4, rows=410)})),
    "no predictions": Case(train=PLAIN, day=day(DAY, **{"predictions/day.csv.out": ""})),
    "predictions drift": Case(
        train={**PLAIN, "predictions/t.csv.out": lines(3)}, watch={"drift": {"psi": 0.2}},
        day=day(DAY, **{"predictions/day.csv.out": lines(4, 0.8)}),
    ),
    "predictions in lists": Case(
        train=PLAIN, watch={"prediction": "score"},
        day=day(DAY, **{"predictions/day.csv.out": json.dumps({"predictions": [{"score": 0.5, "label": "a"}] * ROWS})}),
    ),
    "joined": Case(
        train={**PLAIN, "predictions/t.csv.out": lines(3)},
        day=day(DAY, **{"predictions/day.csv.out": "".join(f"{a},{b}\n" for a, b in zip(DAY.splitlines()[1:], lines(4).split(), strict=True))}),
    ),
    "wrong prediction": Case(train=PLAIN, watch={"prediction": "score"}, day=day(DAY, **{"predictions/p.csv": "a,b\n1,2\n"})),
    "classes": Case(
        train={**PLAIN, "predictions/t.csv.out": "cat\ndog\ndog\n" * 100}, watch={"drift": {"psi": 0.2}},
        day=day(DAY, **{"predictions/day.csv.out": "cat\nfox\n" * 200}),
    ),
    "labels by key": Case(
        train={**LABELLED, "predictions/t.csv.out": SCORES}, settings=KEYS, watch={"quality": {"auc": 0.9, "f1": 0.99}},
        day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH}),
    ),
    "some labels": Case(
        train=LABELLED, settings=KEYS, day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH[:600].rpartition("\n")[0]})
    ),
    "late labels": Case(
        train=LABELLED, settings=KEYS, day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/_none": ""})
    ),
    "labels without key": Case(
        train=LABELLED, settings=KEYS, day=day(DAY, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH})
    ),
    "labels in order": Case(
        train=PLAIN, settings={"label": "bought"},
        day=day(DAY, **{"predictions/day.csv.out": SCORES, "labels/l.csv": "".join(f"{'1' if n % 3 == 0 else '0'}\n" for n in range(ROWS))}),
    ),
    "labels of another number": Case(
        train=PLAIN, settings={"label": "bought"}, day=day(DAY, **{"predictions/day.csv.out": SCORES, "labels/l.csv": "1\n0\n"})
    ),
    "regression": Case(
        train=PLAIN, settings={"label": "price"}, watch={"quality": {"rmse": 0.5, "r2": 0.9}},
        day=day(DAY, **{"predictions/p.csv": "".join(f"{n + 1}\n" for n in range(ROWS)), "labels/l.csv": "".join(f"{n}\n" for n in range(ROWS))}),
    ),
    "many classes": Case(
        train=PLAIN, settings={"label": "kind"},
        day=day(DAY, **{"predictions/p.csv": "a\nb\nc\nc\n" * 100, "labels/l.csv": "a\nb\nc\na\n" * 100}),
    ),
    "constant": Case(train={"data/t.csv": table(1, unit=7)}, day=day(table(2, unit=8)), watch={"drift": {"psi": 0.2}}),
    "constant stays": Case(train={"data/t.csv": table(1, unit=7)}, day=day(table(2, unit=7)), watch={"drift": {"psi": 0.2}}),
    "all null": Case(train={"data/t.csv": table(1, unit="")}, day=day(table(2, unit=3)), watch={"drift": {"psi": 0.2}}),
    "identities": Case(train={"data/t.csv": table(1, id=lambda n: f"user-{n}")}, day=day(table(2, id=lambda n: f"new-{n}"))),
    "leading zeros": Case(
        train={"data/t.csv": table(1, zip=lambda n: f"0{n % 3}110")}, day=day(table(2, zip=lambda n: f"0{n % 3}110")),
        settings={"columns": {"zip": {"type": "categorical"}}},
    ),
    "without values": Case(train=PLAIN, day=day(table(2, shift=15)), settings={"keep_values": False}, watch={"drift": {"psi": 0.2, "ks": 0.3}}),
    "several kinds": Case(train={**PLAIN, "data/about.json": "{}"}, day=day(DAY)),
    "chosen kind": Case(train={**PLAIN, "data/about.json": "{}"}, day={"data/d.csv": DAY, "data/x.json": "{}"}, settings={"files": ["*.csv"]}),
    "no rows": Case(train={"data/t.csv": "a,b\n"}, day=day("a,b\n1,2\n")),
    "broken baseline": Case(train={}, day={"baseline/statistics.json": '{"features": [7]}', **day(DAY)}),
    "model monitor's": Case(
        train={},
        day={"baseline/statistics.json": json.dumps({"version": 0, "features": [
            {"name": "age", "inferred_type": "Fractional", "numerical_statistics": {
                "common": {"num_present": 1000, "num_missing": 0}, "mean": 40, "sum": 40000, "std_dev": 10, "min": 0, "max": 80,
                "distribution": {"kll": {"buckets": [{"lower_bound": 0.0, "upper_bound": 40.0, "count": 500}, {"lower_bound": 40.0, "upper_bound": 80.0, "count": 500}]}}}},
            {"name": "city", "inferred_type": "String", "string_statistics": {
                "common": {"num_present": 1000, "num_missing": 0}, "distinct_count": 3,
                "distribution": {"categorical": {"buckets": [{"value": "Bonn", "count": 400}, {"value": "Köln", "count": 300}, {"value": "Ulm", "count": 300}]}}}},
        ]}), **day(DAY)},
    ),
    "left out by the baseline": Case(
        train={"data/t.csv": table(1, note=lambda n: f"n{n}", bought=1)}, settings={"label": "bought", "ignore": ["note"]},
        day=day(table(2, note="x")), watch={"label": "", "ignore": []},
    ),
    "wide": Case(train={"data/t.csv": WIDE}, day=day(WIDE)),
}  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    return run_cases(image_python(tmp_path_factory), tmp_path_factory.mktemp("jobs"), CASES)


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
    "identities": [],
    "leading zeros": [],
    "without values": [("range", "age", "range"), ("drift", "age", "psi"), ("drift", "age", "ks")],
    "chosen kind": [],
    "model monitor's": [("schema", "visits", "new"), ("schema", "member", "new")],
    "left out by the baseline": [],
    "wide": [],
}
WORDS = {
    "fewer": "390 predictions for 400 rows: 10 are missing",
    "latin-1": "the file 'b.csv' is not utf-8: 'utf-8' codec can't decode byte 0xf6",
    "ragged": "the file 'day.csv' can't be read as csv: ",
    "cut": "the file 'day.csv.gz' can't be read as csv: Compressed file ended before the end-of-stream marker",
    "column gone": "the column 'age' is gone",
    "new category": "'city': 1 % of its values are of categories the baseline hasn't got: '<script>alert(1)</script>'",
    "wrong prediction": "the file 'p.csv' has no column 'score', it has: a, b",
    "labels of another number": "2 labels for 400 predictions, and no 'key' tells which is which",
}
FAILED = {
    "several kinds": (
        "the files are written in several ways: 'about.json', 'train.csv'; say with 'files'",
        "has no statistics",
    ),
    "no rows": ("the data that the baseline is made of have no rows", "has no statistics.json: train it anew"),
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


def test_quality(ended: dict[str, Ended]) -> None:
    assert ended["labels by key"].report["quality"]["auc"] == {"value": 1.0}
    assert ended["labels in order"].report["quality"]["rows"] == {"value": ROWS}
    assert 0 < ended["some labels"].report["quality"]["rows"]["value"] < ROWS
    assert ended["regression"].report["quality"]["rmse"] == {"value": 1.0}
    assert ended["many classes"].report["quality"]["accuracy"] == {"value": 0.75}
    assert ended["late labels"].report["quality"] is None


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
    python = shared_environment((lines,), PROGRAM, tmp_path_factory)
    found = run_cases(python, tmp_path, CASES)
    assert {name: found[name].violations("kind", "column", "statistic") for name in FOUND} == FOUND
