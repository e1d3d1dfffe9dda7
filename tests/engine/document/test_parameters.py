"""Pipeline parameters on the local engine: typed values out of texts, and what is said of wrong ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.document.document import Document, load_definition
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import compare, condition, definition, fail, run, script, target

DECLARED: list[dict[str, Any]] = [
    {"Name": "S", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    {"Name": "I", "Type": "Integer", "DefaultValue": 1},
    {"Name": "F", "Type": "Float", "DefaultValue": 2},
    {"Name": "B", "Type": "Boolean", "DefaultValue": False},
]


def document(*declared: dict[str, Any]) -> Document:
    return load_definition(definition(script("x", "true"), Parameters=list(declared)))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("S", "b", "b"), ("I", "5", 5), ("I", "-5", -5), ("I", 7, 7), ("F", "0.5", 0.5), ("F", "2", 2), ("F", "1e-3", 0.001),
        ("F", 0.25, 0.25), ("B", "true", True), ("B", "False", False), ("B", True, True),
    ],
)  # fmt: skip
def test_values(name: str, text: object, value: object) -> None:
    found = parameter_values(document(*DECLARED), {name: text})[name]
    assert (found, type(found)) == (value, type(value))


def problems(values: dict[str, Any], *declared: dict[str, Any]) -> list[str]:
    with pytest.raises(InputProblems) as caught:
        parameter_values(document(*declared), values)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("S", "c", "'c', expected one of 'a', 'b'"),
        ("S", 1, "1, expected String: Unicode text"),
        ("S", "\udcff", "'\\udcff', expected String: Unicode text"),
        ("I", "5.5", "'5.5', expected Integer: a whole number such as 5"),
        ("I", "", "'', expected Integer: a whole number such as 5"),
        ("I", "1_000", "'1_000', expected Integer: a whole number such as 5"),
        ("I", " 5", "' 5', expected Integer: a whole number such as 5"),
        ("I", "\u0663", "'\u0663', expected Integer: a whole number such as 5"),
        ("F", "1_0.5", "'1_0.5', expected Float: a number such as 0.5"),
        ("F", "\u0663", "'\u0663', expected Float: a number such as 0.5"),
        ("I", True, "True, expected Integer: a whole number such as 5"),
        ("F", "much", "'much', expected Float: a number such as 0.5"),
        ("F", "nan", "'nan', expected Float: a number such as 0.5"),
        ("B", "yes", "'yes', expected Boolean: true or false"),
        ("B", 1, "1, expected Boolean: true or false"),
    ],
)
def test_wrong_values(name: str, wrong: object, message: str) -> None:
    assert problems({name: wrong}, *DECLARED) == [f"PB505 the parameter '{name}' is {message}"]


def test_all_that_is_missing_or_unknown_is_said_at_once() -> None:
    needed = [{"Name": name, "Type": "String"} for name in ("A", "B")]
    assert problems({"I": "x", "Z": "1"}, *needed, DECLARED[1]) == [
        "PB505 the parameter 'I' is 'x', expected Integer: a whole number such as 5",
        "PB505 the parameters 'A', 'B' have no value, and no default",
        "  hint: give: --parameter A=VALUE --parameter B=VALUE",
        "PB505 there is no parameter 'Z'",
        "  hint: the pipeline's parameters are: A, B, I",
    ]
    assert problems({"B": "1"}, *needed)[0] == "PB505 the parameter 'A' has no value, and no default"
    assert problems({"B": "1"}) == ["PB505 there is no parameter 'B'", "  hint: the pipeline has no parameters"]


def test_a_long_text_that_is_almost_a_number_takes_no_time() -> None:
    before = time.process_time()
    assert len(problems({"F": "1" * 20_000 + "x"}, DECLARED[2])) == 1
    assert time.process_time() - before < 2  # with two ways to read a digit it was 10 s


def test_a_text_is_the_value_that_it_says(tmp_path: Path) -> None:
    step = script("a", "[ $F = 2 ]")
    step["Arguments"]["Environment"] = {"F": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.F"}]}}}
    larger = compare("GreaterThan", {"Get": "Parameters.I"}, 4)
    flag = compare("Equals", {"Get": "Parameters.B"}, True)
    content = definition(step, condition("c", larger, flag, otherwise=[fail("f")]), Parameters=DECLARED)
    local = target(tmp_path)
    assert run(local, content, I="5", B="true")[1].status is ExecutionStatus.SUCCEEDED
    assert run(local, content, I="5", B="true", F="2")[0].origin == "unchanged"
    assert run(local, content, I="4", B="true")[1].status is ExecutionStatus.FAILED
