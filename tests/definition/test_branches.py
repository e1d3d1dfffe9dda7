"""Condition and Fail steps of a conf: branches that nest and rejoin, what the engine makes of them, their problems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.definition import read_definition
from pipeline_builder.definition.findings import findings_of
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.passed import Passed
from tests.definition.composing import compose_definition, compose_graph
from tests.definition.step_cases import REGISTER
from tests.tiny import variant
from tests.workspaces import make_workspace

WORK = """\
conf:
  models:
    churn:
      source_directory: scripts
      preprocess: {image_uri: example.com/tiny:1, entry_point: work.py}
  sagemakerPipeline:
    pipelineName: tiny
    parameters: [{name: mode, default: full}, {name: deep, type: Integer, default: 3}]
    models:
      churn:
        steps:
          - step_name: Decide
            step_class: Condition
            conditions: [{parameter: mode, is: full}]
            if: [Full, Inner]
            else: Fast
          - {step_name: Full, step_class: Processing}
          - {step_name: Fast, step_class: Processing}
          - step_name: Inner
            step_class: Condition
            depends_on: Full
            conditions:
              - all: [{parameter: deep, at_least: 1}, {parameter: deep, at_most: 5}]
            if: Deep
            else: Blocked
          - {step_name: Deep, step_class: Processing}
          - {step_name: Blocked, step_class: Fail, message: "deep is $params.deep"}
          - {step_name: After, step_class: Processing, depends_on: [Full, Fast]}
"""


def with_steps(steps: str, parameters: str = "") -> str:
    return variant((REGISTER, REGISTER + steps + parameters))


def problems(tmp_path: Path, conf: str) -> list[str]:
    """Return the first line of each problem: place, id, message."""
    try:
        graph = compose_graph(tmp_path, conf)
        definition, found = read_definition(graph, build_settings(LOCAL_DEFAULTS), {})
        text = str(InputProblems(*found, *findings_of(definition, graph, Passed())))
    except InputProblems as error:
        text = str(error)
    return [line.partition(":conf/conf.yaml:")[2] for line in text.splitlines() if line.startswith("churn@")]


def done(states: dict[str, str]) -> set[str]:
    return {name for name, status in states.items() if status == "Succeeded"}


def composed(tmp_path: Path, conf: str, files: dict[str, str] | None = None) -> dict[str, Any]:
    steps = json.loads(compose_definition(tmp_path, conf, files=files).content)["Steps"]
    return {step["Name"]: step for step in steps}


def test_a_condition_within_a_condition_stands_beside_it(tmp_path: Path) -> None:
    steps = composed(tmp_path, WORK, {"work.py": ""})
    assert sorted(steps) == ["After", "Decide", "Inner", "Inner-Else"]
    full = {"Type": "Equals", "LeftValue": {"Get": "Parameters.mode"}, "RightValue": "full"}
    low = {"Type": "GreaterThanOrEqualTo", "LeftValue": {"Get": "Parameters.deep"}, "RightValue": 1}
    high = {"Type": "LessThanOrEqualTo", "LeftValue": {"Get": "Parameters.deep"}, "RightValue": 5}
    assert steps["Inner"]["Arguments"]["Conditions"] == [low, high, full]
    neither = {"Type": "Or", "Conditions": [{"Type": "Not", "Condition": one} for one in (low, high)]}
    assert steps["Inner-Else"]["Arguments"]["Conditions"] == [neither, full]
    for name in ("Inner", "Inner-Else"):
        assert steps[name]["DependsOn"] == ["Full"]
    assert [step["Name"] for step in steps["Decide"]["Arguments"]["IfSteps"]] == ["Full"]
    assert [step["Name"] for step in steps["Inner-Else"]["Arguments"]["IfSteps"]] == ["Blocked"]


def test_a_gate_within_a_branch_stands_beside_it(tmp_path: Path) -> None:
    gate = "      gate: [{metric: regression_metrics.mae.value, max: 9}]\n      registry:\n"
    decide = (
        "          - step_name: Decide\n            step_class: Condition\n"
        "            conditions: [{value: 1, is: 1}]\n            else: churn-Register\n"
    )
    steps = composed(tmp_path, variant(("      registry:\n", gate), (REGISTER, REGISTER + decide)))
    bound, outer = steps["churn-Register-Gate"]["Arguments"]["Conditions"]
    assert (bound["Type"], outer["Type"], outer["Condition"]["Type"]) == ("LessThanOrEqualTo", "Not", "Equals")
    blocked = steps["churn-Register-Gate-Else"]["Arguments"]
    assert [step["Name"] for step in blocked["IfSteps"]] == ["churn-Register-Blocked"]
    assert steps["Decide"]["Arguments"]["ElseSteps"] == []
    assert steps["churn-Register-Gate"]["DependsOn"] == ["Decide"]


@pytest.mark.long
def test_the_branch_that_is_taken_runs_and_both_rejoin(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=WORK)
    workspace.push("scripts/work.py", "print('worked')\n")

    def run(*parameters: str) -> tuple[int, dict[str, str], str]:
        given = [word for parameter in parameters for word in ("--parameter", parameter)]
        ended = workspace.call("up", *given)
        record = json.loads((workspace.root / "build" / "run.json").read_bytes())
        return ended.code, {step["name"]: step["status"] for step in record["steps"]}, ended.out + ended.err

    code, states, _ = run()
    assert (code, done(states)) == (0, {"Decide", "Full", "Inner", "Inner-Else", "Deep", "After"})
    code, states, _ = run("mode=fast")
    assert (code, done(states)) == (0, {"Decide", "Fast", "After"})
    code, states, text = run("deep=9")
    assert (code != 0, states["Blocked"], states["Deep"]) == (True, "Failed", "Skipped")
    assert "deep is 9" in text


def test_what_is_wrong_in_conditions_has_its_place(tmp_path: Path) -> None:
    steps = """\
          - step_name: D
            step_class: Condition
            conditions:
              - {metric: a, of: churn-Metrics, file: nix, at_least: 1}
              - {property: Nothing, of: churn-Train, is: 1}
              - any: [{parameter: mode, more_than: 1}, {value: 1, is: x}]
            if: [churn-Register]
"""
    assert problems(tmp_path, with_steps(steps, "    parameters: [{name: mode, default: full}]\n")) == [
        "60:26: PB413 step 'D': 'Conditions[0].LeftValue' reads the property file 'nix', which the step 'churn-Metrics' doesn't declare",
        "61:28: PB408 step 'D': 'Conditions[1].LeftValue' refers to 'Steps.churn-Train.Nothing', and DescribeTrainingJobResponse has no 'Nothing'",
        "62:52: PB271 step 'D': 'Conditions[2].Conditions[0]' compares a text with a number ('GreaterThan'), which never compare",
        "62:71: PB271 step 'D': 'Conditions[2].Conditions[1]' compares a number with a text ('Equals'), which never compare",
    ]


def test_a_number_that_yaml_reads_a_text_of_orders_nothing(tmp_path: Path) -> None:
    steps = """\
          - step_name: D
            step_class: Condition
            conditions:
              - {metric: a, at_least: 1e-3, at_most: .inf}
              - not: {metric: a, less_than: "0.9"}
              - {metric: a, is: 1e-3}
              - {parameter: Month, at_least: "06"}
            if: [churn-Register]
"""
    said = "asks whether something is more or less than the text"
    assert problems(tmp_path, with_steps(steps, "    parameters: [{name: Month, default: '01'}]\n")) == [
        f"60:39: PB271 step 'D': 'Conditions[0]' {said} '1e-3' ('GreaterThanOrEqualTo')",
        f"60:54: PB271 step 'D': 'Conditions[1]' {said} '.inf' ('LessThanOrEqualTo')",
        f"61:45: PB271 step 'D': 'Conditions[2].Condition' {said} '0.9' ('LessThan')",
    ]


def test_names_in_conditions_are_looked_up(tmp_path: Path) -> None:
    steps = """\
          - step_name: D
            step_class: Condition
            conditions:
              - {property: X, of: churn-Trian, is: 1}
              - {parameter: nope, is: {parameter: non}}
              - {metric: a}
              - {value: 1, is: [2]}
              - {is: 1}
            if: [churn-Register, churn-Nix]
            else: churn-Register
            message: x
          - {step_name: F, step_class: Fail, message: ["a", {parameter: y}, $params.z]}
          - {step_name: G, step_class: Condition, conditions: [{value: 1, is: 1}], arguments: {Conditions: []}}
"""
    found = problems(tmp_path, with_steps(steps))
    assert [line.split(" ")[:2] for line in found] == [
        ["60:35:", "PB313"], ["61:29:", "PB317"], ["61:51:", "PB317"], ["62:17:", "PB204"], ["63:17:", "PB204"],
        ["64:17:", "PB204"], ["67:13:", "PB880"], ["68:73:", "PB317"], ["68:77:", "PB317"], ["69:51:", "PB880"],
    ]  # fmt: skip


def test_steps_of_branches_are_there_and_stand_in_one(tmp_path: Path) -> None:
    steps = """\
          - step_name: D
            step_class: Condition
            conditions: [{value: 1, is: 1}]
            if: [churn-Register, churn-Nix]
            else: churn-Register
"""
    assert problems(tmp_path, with_steps(steps)) == [
        "60:34: PB313 there is no step 'churn-Nix'",
        "61:19: PB881 the step 'churn-Register' stands in the 'if' of 'D' already",
    ]


@pytest.mark.parametrize("operand", ["metric: a, of: churn-Train", "metric: a, of: churn-Register"])
def test_a_metric_is_in_some_file(tmp_path: Path, operand: str) -> None:
    steps = "          - step_name: D\n            step_class: Condition\n            conditions: [{%s, is: 1}]\n"
    assert problems(tmp_path, with_steps(steps % operand))[0].split(" ")[:2] == ["59:35:", "PB882"]


def test_a_step_cannot_wait_for_the_other_branch(tmp_path: Path) -> None:
    conf = WORK.replace(
        "{step_name: Fast, step_class: Processing}", "{step_name: Fast, step_class: Processing, depends_on: Full}"
    )
    (tmp_path / "churn" / "scripts").mkdir(parents=True)
    (tmp_path / "churn" / "conf").mkdir()
    (tmp_path / "churn" / "conf" / "conf.yaml").write_text(conf)
    (tmp_path / "churn" / "scripts" / "work.py").write_text("")
    found = problems(tmp_path, conf)
    assert [line.split(" ")[1] for line in found] == ["PB270"]
