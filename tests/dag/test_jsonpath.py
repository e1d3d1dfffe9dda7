"""The JSONPath that batch transform takes, and what it picks of a value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_builder.dag.jsonpath import FilterError, is_row_path, parse_filter
from pipeline_builder.definition import rules
from pipeline_builder.engine.inside.selecting import SelectError, picker, select

RECORD = {
    "id": 7,
    "features": [1, 2, 3],
    "field1": {"child1": "a", "child2": "b", "child3": "c"},
    "rows": [{"x": 1, "y": [1]}, {"x": 2}, {"z": 3}],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$", RECORD),
        ("$.id", 7),
        ("$['id']", 7),
        ("$.features", [1, 2, 3]),
        ("$.features[0]", 1),
        ("$.features[-1]", 3),
        ("$.features[0,2]", [1, 3]),
        ("$.features[1:]", [2, 3]),
        ("$.features[:2]", [1, 2]),
        ("$.features[0:-1]", [1, 2]),
        ("$.features[5:]", []),
        ("$.features[ 0 , 1: ]", [1, 2, 3]),
        ("$['id','features']", {"id": 7, "features": [1, 2, 3]}),
        ("$['id', 'nothing']", {"id": 7}),
        ("$.field1.['child1','child2']", {"child1": "a", "child2": "b"}),
        ("$.field1['child3']", "c"),
        ("$.field1.*", ["a", "b", "c"]),
        ("$.features[*]", [1, 2, 3]),
        ("$.rows[*].x", [1, 2]),
        ("$.rows.*.y[0]", [1]),
        ("$.rows[0,1].x", [1, 2]),
        ("$.rows[*].*", [1, [1], 2, 3]),
        ("$.rows[:1].['x','y']", [{"x": 1, "y": [1]}]),
    ],
)
def test_what_a_filter_picks(text: str, expected: Any) -> None:
    assert select(parse_filter(text), RECORD) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$.nothing", "there is no 'nothing', only: id, features"),
        ("$.features[3]", "there is no [3], only 3 of them"),
        ("$.features[0,9]", "there is no [9]"),
        ("$.id.x", "a name is asked for, and the value is of type 'int'"),
        ("$[0]", "[0] is asked for, and the value is of type 'dict'"),
        ("$.id.*", "* is asked for"),
    ],
)
def test_what_is_not_there(text: str, message: str) -> None:
    with pytest.raises(SelectError) as refused:
        select(parse_filter(text), RECORD)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id", "it must begin with '$'"),
        ("$[0:2,246:]", "only single range filters of format (eg: [1:5]) are supported"),
        ("$.field1.['child1','child2.grandchild']", "a child of a child"),
        ("$..id", "'..id' can't be read"),
        ("$[?(@.x>1)]", "can't be read"),
        ("$[1", "can't be read"),
        ("$[1 2]", "neither a number, numbers, nor a range"),
        ("$[0:10:2]", "neither a number, numbers, nor a range"),
        ("$[,]", "neither a number"),
        ("$.", "can't be read"),
        ("$x", "can't be read"),
    ],
)
def test_what_is_no_filter(text: str, message: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        *(
            (text, True)
            for text in ("$", "$.a", "$[1:]", "$[0,-1]", "$[0,5:]", "$.a.['b','c']", "$['a:b','c:d']", "$.a.*")
        ),
        *((text, False) for text in ("id", "$[0:2,246:]", "$..id", "$[?(@.x>1)]", "$[0:10:2]", "$[1", "$.")),
    ],
)
def test_the_check_of_definitions_says_the_same(text: str, fine: bool) -> None:
    tables = Path(rules.__file__).parent / "tables"
    table = yaml.safe_load((tables / "transform.yaml").read_text("utf-8"))
    assert bool(re.search(table["filters-are-paths"]["values"]["InputFilter"]["like"], text)) is fine
    try:
        parse_filter(text)
    except FilterError:
        assert not fine
    else:
        assert fine


def test_columns() -> None:
    row = [b"a", b"b", b"c"]
    for text, expected in (("$", row), ("$[1]", [b"b"]), ("$[0,-1]", [b"a", b"c"]), ("$[0,2:]", [b"a", b"c"])):
        path = parse_filter(text)
        assert is_row_path(path)
        assert list(picker(path)(row)) == expected
    assert not any(is_row_path(parse_filter(text)) for text in ("$.a", "$['a']", "$[0].a", "$[0][1]"))
