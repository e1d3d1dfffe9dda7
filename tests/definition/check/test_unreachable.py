"""Steps whose way leads through the branch that isn't taken; ways that meet again are fine."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition

Step = dict[str, Any]


def model(name: str, *before: Any) -> Step:
    arguments = {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/job", "PrimaryContainer": {"Image": "i"}}
    return {"Name": name, "Type": "Model", "Arguments": arguments, "DependsOn": list(before)}


def check(steps: Any) -> list[tuple[str, str, str]]:
    found = check_definition({"Version": "2020-12-01", "Steps": steps})
    return [(finding.step, finding.id, finding.stage) for finding in found]


def condition(name: str, then: list[Step], otherwise: list[Step]) -> Step:
    compared = [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": compared, "IfSteps": then, "ElseSteps": otherwise},
    }


ANY = {"Step": "If", "Trigger": "Any"}


@pytest.mark.parametrize(
    ("steps", "never"),
    [
        ([condition("C", [model("If")], [model("Else", "M")]), model("M", "If")], ["Else"]),
        ([condition("C", [model("If")], [model("Else", "N")]), model("N", "M"), model("M", "If")], ["Else"]),
        ([condition("C", [model("If"), model("Too", "M")], []), model("M", "If")], []),
        ([condition("C", [model("If")], [model("A"), model("Else", "M")]), model("M", "If", "A")], []),
        ([condition("C", [model("If")], [model("Else", "M")]), model("M", ANY)], []),
        ([condition("C", [model("If")], []), condition("D", [], [model("Else", "M")]), model("M", "If")], []),
    ],
    ids=["one between", "two between", "same branch", "both ways", "any end", "another condition"],
)
def test_steps_that_never_run(steps: list[Step], never: list[str]) -> None:
    assert check(steps) == [(name, "PB270", "unsure") for name in never]


def test_the_next_step_is_said_once() -> None:
    steps = [condition("C", [model("If")], [model("Else", "If")])]
    assert check(steps) == [("Else", "PB270", "job")]


def test_a_chain_of_thousands() -> None:
    chain = [model(f"s{number}", *([f"s{number - 1}"] if number else ["If"])) for number in range(2000)]
    steps = [condition("C", [model("If")], [model("Else", "s1999")]), *chain]
    assert check(steps) == [("Else", "PB270", "unsure")]
