"""Data of every kind, as Baseline and Monitor steps get them."""

from __future__ import annotations

import functools
import gzip
import json
import random
from typing import Any

from tests.monitoring.jobs import Case

ROWS = 400


def table(seed: int, *, shift: float = 0.0, rows: int = ROWS, **more: Any) -> str:
    """Return a CSV: a number, a count, a category, a switch; `more` are columns of a constant or a function."""
    lines = [",".join(["age", "visits", "city", "member", *more])]
    for number, row in enumerate(_drawn(seed, shift, rows)):
        further = (value(number) if callable(value) else value for value in more.values())
        lines.append(",".join([row, *map(str, further)]))
    return "\n".join(lines) + "\n"


@functools.cache
def _drawn(seed: int, shift: float, rows: int) -> tuple[str, ...]:
    """Return the columns that all tables have, drawn once: every process of the tests makes all of these."""
    chance = random.Random(seed)
    return tuple(
        f"{chance.gauss(40 + shift, 10):.3f},{chance.randint(0, 9)},{chance.choice(['Bonn', 'Köln', 'Ulm'])},"
        f"{chance.choice(['TRUE', 'FALSE'])}"
        for _ in range(rows)
    )


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


def indexed(text: str) -> str:
    """Return a table as pandas writes it by itself: with a first column without a name."""
    head, *rows = text.splitlines()
    return "\n".join([f",{head}", *(f"{number},{row}" for number, row in enumerate(rows))]) + "\n"


NAMELESS = ",4,red\n" + "".join(f"{'abc'[n % 3]},{n},{['red', 'blue', 'green'][n % 3]}\n" for n in range(ROWS))
LABELLED = {"data/train.csv": table(1, bought=lambda n: "yes" if n % 3 == 0 else "no", id=lambda n: f"s{n}")}
KEYED = table(2, id=lambda n: f"s{n}")
KEYS = {"label": "bought", "key": "id"}
TRUTH = "id,bought\n" + "".join(f"s{n},{'yes' if n % 3 == 0 else 'no'}\n" for n in reversed(range(ROWS)))
SCORES = "".join(f"{0.9 if n % 3 == 0 else 0.2}\n" for n in range(ROWS))
LABELS = "".join(f"{int(n % 3 == 0)}\n" for n in range(ROWS))
LOGITS = "".join(f"{n / 100 - 2.005:.3f}\n" for n in range(ROWS))
LONG = 1 << 60
MOMENT = 1_700_000_000_000_000
LONG_KEYS, MOMENTS = (
    "".join(json.dumps({"id": first + n, "age": n % 50}) + "\n" for n in range(ROWS)) for first in (LONG, MOMENT)
)
WIDE = (
    ",".join(f"c{n}" for n in range(60))
    + "\n"
    + "\n".join(",".join(str(n % 7 + r) for n in range(60)) for r in range(20))
)
JSON_LINES = "".join(json.dumps({"age": n}) + "\n" for n in range(200))
HALVES = '{"a\\ud800": "\\udc00", "b": 1}\n' * 60
TOWNS = table(11, rows=3000, town=lambda n: f"t{n * 7 % 60}")
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
    "labels apart": Case(
        train={"data/train.csv": KEYED, "predictions/t.csv.out": SCORES, "labels/l.csv": TRUTH}, settings=KEYS, day=day(KEYED),
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
    "all null stays": Case(train={"data/t.csv": table(1, unit="")}, day=day(table(2, unit=""))),
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
    "switches with holes": Case(
        train={"data/t.csv": table(1, paid=lambda n: ["TRUE", "FALSE", ""][n % 3])}, day=day(table(2, paid=lambda n: ["TRUE", "FALSE"][n % 2])),
        watch={"missing": 1},
    ),
    "days": Case(
        train={"data/t.csv": table(1, seen=lambda n: f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}")}, day=day(table(2, seen="2027-01-05")),
    ),
    "often one value": Case(
        train={"data/t.csv": table(1, rate=lambda n: "1.0" if n % 20 else f"0.{n + 100}")},
        day=day(table(2, rate=lambda n: "1.0" if n % 2 else f"0.{n + 100}")), watch={"drift": {"psi": 0.2}},
    ),
    "few rows": Case(
        train={"data/t.csv": TOWNS}, day=day(table(12, rows=50, town=lambda n: f"t{n * 7 % 60}")), watch={"drift": {"psi": 0.2}},
    ),
    "few rows, far": Case(train={"data/t.csv": TOWNS}, day=day(table(12, rows=50, shift=60, town="t1")), watch={"drift": {"psi": 0.2}}),
    "fewer than asked": Case(
        train={"data/t.csv": TOWNS}, day=day(table(12, rows=50, shift=60, town="t1")),
        watch={"drift": {"psi": 0.2, "min_rows": 51}, "columns": {"agee": {"psi": 0.1}}},
    ),
    "empty lines first": Case(train={"data/t.csv": "\n \n" + TRAIN}, day=day("\n" * 120 + DAY)),
    "ends of lines": Case(
        train={"data/t.csv": table(1, **{"x\u2028\x85": 1})}, day=day(table(2, **{"x\u2028\x85": 1}).replace("\n", "\r\n")),
    ),
    "mark of order": Case(train=PLAIN, day=day("\ufeff" + DAY), watch={"encoding": "UTF-8"}),
    "joined json": Case(
        train={"data/a.jsonl": JSON_LINES}, watch={"prediction": "score"},
        day={"data/a.jsonl": JSON_LINES, "predictions/a.jsonl.out": "".join(json.dumps({"age": n, "SageMakerOutput": {"score": n}}) + "\n" for n in range(200))},
    ),
    "half a character": Case(
        train={"data/a.jsonl": HALVES}, day={"data/a.jsonl": HALVES, "predictions/p.jsonl": '{"x\\ud800": 1, "y": 2}\n'}, watch={"prediction": "z"},
    ),
    "predictions with a name": Case(train=PLAIN, day=day(DAY, **{"predictions/day.csv.out": "prediction\n" + "cat\ndog\n" * 200})),
    "one label": Case(
        train=LABELLED, settings=KEYS, watch={"quality": {"accuracy": 0.6}},
        day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH.replace("yes", "no")}),
    ),
    "one label of who knows what": Case(
        train=LABELLED, settings=KEYS, day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH.replace("yes", "no").replace("no", "stays")}),
    ),
    "keys with zeros": Case(
        train=LABELLED, settings=KEYS,
        day=day(table(2, id=lambda n: f"{n:04}" if n % 9 else ""), **{
            "predictions/day.csv.out": SCORES,
            "labels/l.csv": "id,bought\n,yes\nx,no\n" + "".join(f"{n:04},{'yes' if n % 3 == 0 else 'no'}\n" for n in range(ROWS)),
            "labels/m.csv": "id,bought\n0001,yes\n",
        }),
    ),
    "keys of others": Case(
        train=LABELLED, settings=KEYS, day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH.replace("s", "t")}),
    ),
    "labels of two kinds": Case(
        train=LABELLED, settings=KEYS, day=day(KEYED, **{"predictions/day.csv.out": SCORES, "labels/l.csv": TRUTH, "labels/m.md": "# by hand"}),
    ),
    "scores for three": Case(
        train=PLAIN, settings={"label": "kind"},
        day=day(DAY, **{"predictions/p.csv": "".join(f"0.{n + 100}\n" for n in range(ROWS)), "labels/l.csv": "a\nb\nc\na\n" * 100}),
    ),
    "few prices": Case(
        train=PLAIN, settings={"label": "price"}, watch={"quality": {"rmse": 9}},
        day=day(table(2, rows=12), **{"predictions/p.csv": "".join(f"{n + 1}\n" for n in range(12)), "labels/l.csv": "".join(f"{n}\n" for n in range(12))}),
    ),
    "next version": Case(train={}, day={"baseline/statistics.json": '{"version": 7, "features": []}', **day(DAY)}),
    "endless baseline": Case(train={}, day={"baseline/statistics.json": '{"features": [{"string_statistics": {"common": {"num_present": 1e999}}}]}', **day(DAY)}),
    "deep baseline": Case(train={}, day={"baseline/statistics.json": "[" * 100_000, **day(DAY)}),
    "index in front": Case(train={"data/t.csv": indexed(TRAIN)}, day=day(indexed(table(2, rows=60))), settings={"ignore": [""]}),
    "ends with a separator": Case(train={"data/t.csv": TRAIN.replace("\n", ",\n")}, day=day(DAY.replace("\n", ",\n"))),
    "rows without names": Case(train={"data/t.csv": NAMELESS}, day=day(NAMELESS)),
    "one row": Case(train={"data/t.csv": "a,b\n1,x\n"}, day=day("a,b\n1,x\n"), watch={"drift": {"psi": 0.2}}),
    "as large as numbers are": Case(
        train={"data/t.csv": "a,b\n" + "1.7e308,1\n1.6e308,2\n-1.7e308,3\n" * 99}, day=day("a,b\n" + "1.7e308,1\n1.6e308,2\n-1.7e308,3\n" * 99),
    ),
    "next to the bound": Case(
        train=PLAIN, settings={"label": "price"}, watch={"quality": {"rmse": 0.99999}},
        day=day(DAY, **{"predictions/p.csv": "".join(f"{n + 1}\n" for n in range(ROWS)), "labels/l.csv": "".join(f"{n}\n" for n in range(ROWS))}),
    ),
    "long keys": Case(
        train={"data/a.jsonl": LONG_KEYS}, settings=KEYS,
        day={"data/a.jsonl": LONG_KEYS, "predictions/p.out": SCORES, "labels/l.jsonl": "".join(
            json.dumps({"id": LONG + n, "bought": "yes" if n % 3 == 0 else "no"}) + "\n" for n in reversed(range(ROWS))
        )},
    ),
    "keys of microseconds": Case(
        train={"data/a.jsonl": MOMENTS}, settings=KEYS,
        day={"data/a.jsonl": '{"age": 1}\n' + MOMENTS, "predictions/p.out": "0.5\n" + SCORES, "labels/l.csv": "id,bought\n,no\n" + "".join(
            f"{MOMENT + n}.0,{'yes' if n % 3 == 0 else 'no'}\n" for n in reversed(range(ROWS))
        )},
    ),
    "true and 1": Case(
        train=PLAIN, settings={"label": "bought"},
        day=day(DAY, **{"predictions/p.csv": "True\nFalse\n" * (ROWS // 2), "labels/l.csv": "1\n0\n" * (ROWS // 2)}),
    ),
    "predictions by pandas": Case(
        train=PLAIN, settings={"label": "bought"},
        day=day(DAY, **{"predictions/p.csv": indexed("prediction\n" + SCORES), "labels/l.csv": LABELS}),
    ),
    "no predictions but NaN": Case(train=PLAIN, day=day(DAY, **{"predictions/p.csv": "nan\n" * ROWS})),
    "some are none": Case(
        train={**PLAIN, "predictions/t.csv.out": lines(3)},
        day=day(DAY, **{"predictions/p.csv.out": lines(3, rows=ROWS - 80) + "inf\n" + "\"\"\n" * 39 + "no\n" * 40}),
    ),
    "labels to come": Case(
        train=LABELLED, settings=KEYS,
        day=day(KEYED, **{"predictions/p.csv": SCORES, "labels/l.csv": "id,bought\n" + "".join(f"s{n},\n" for n in range(ROWS))}),
    ),
    "logits": Case(
        train={"data/train.csv": table(1, bought=lambda n: n % 2), "predictions/p.csv": LOGITS}, settings={"label": "bought"},
        day=day(DAY, **{"predictions/p.csv": LOGITS, "labels/l.csv": LABELS}),
    ),
    "unknown positive": Case(
        train=PLAIN, settings={"label": "bought"}, watch={"positive": True},
        day=day(DAY, **{"predictions/p.csv": SCORES, "labels/l.csv": LABELS.replace("1", "yes").replace("0", "no")}),
    ),
    "wide": Case(train={"data/t.csv": WIDE}, day=day(WIDE)),
}  # fmt: skip
