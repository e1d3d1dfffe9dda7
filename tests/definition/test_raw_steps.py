"""Raw steps: types that only a conf knows, composed as they are written and policed all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.composing import compose_graph
from tests.definition.step_cases import REGISTER
from tests.definition.test_branches import problems
from tests.tiny import variant
from tests.workspaces import make_workspace

NEXT = """\
          - step_name: churn-Next
            step_class: Raw
            step_type: QuantumJob
            depends_on: churn-Preprocess
            arguments:
              QuantumJobName: $params.name
              Model: {Get: Steps.churn-Train.ModelArtifacts.S3ModelArtifacts}
              DisplayName: what comes next
"""
NAME = "    parameters: [{name: name, default: n}]\n"


def conf(steps: str, parameters: str = NAME) -> str:
    return variant((REGISTER, REGISTER + steps + parameters))


def composed(tmp_path: Path, text: str, name: str = "churn-Next") -> dict[str, Any]:
    definition = build_definition(compose_graph(tmp_path, text), build_settings(LOCAL_DEFAULTS), {})
    found: dict[str, Any] = next(step for step in json.loads(definition.content)["Steps"] if step["Name"] == name)
    return found


def test_a_raw_step_is_what_is_written(tmp_path: Path) -> None:
    assert composed(tmp_path, conf(NEXT)) == {
        "Name": "churn-Next",
        "Type": "QuantumJob",
        "Arguments": {
            "QuantumJobName": {"Get": "Parameters.name"},
            "Model": {"Get": "Steps.churn-Train.ModelArtifacts.S3ModelArtifacts"},
        },
        "DisplayName": "what comes next",
        "DependsOn": ["churn-Preprocess"],
    }
    assert problems(tmp_path, "") == []


def test_with_arguments_in_it_it_is_the_whole_step(tmp_path: Path) -> None:
    text = (
        "          - {step_name: R, step_class: Raw, step_type: QuantumJob, "
        "arguments: {Arguments: {A: 1}, QueueUrl: q, CacheConfig: {Enabled: false}}}\n"
    )
    step = composed(tmp_path, conf(text), "R")
    assert (step["Arguments"], step["QueueUrl"], step["CacheConfig"]) == ({"A": 1}, "q", {"Enabled": False})
    assert problems(tmp_path, "") == []


def test_what_can_be_told_of_a_raw_step_is(tmp_path: Path) -> None:
    wrong = NEXT.replace("Steps.churn-Train.ModelArtifacts.S3ModelArtifacts", "Steps.churn-Train.Nix")
    assert [line.split(" ")[1] for line in problems(tmp_path / "a", conf(wrong))] == ["PB408"]
    untyped = NEXT.replace("            step_type: QuantumJob\n", "")
    assert problems(tmp_path / "b", conf(untyped))[0].split(" ")[:2] == ["57:24:", "PB885"]
    known = NEXT.replace("QuantumJob\n", "Training\n", 1)
    assert {line.split(" ")[1] for line in problems(tmp_path / "c", conf(known))} >= {"PB401", "PB402"}


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("QuantumJob", "{Arguments: {A: 1}, Name: other, Type: Training}", ["PB950", "PB950"]),
        ("QuantumJob", "{Arguments: {A: 1}, Name: R, Type: QuantumJob}", []),
        ("preprocess", "{A: 1}", ["PB950"]),
        ("NotebookJob", "{A: 1}", ["PB950"]),
        ("'<b>x</b>'", "{A: 1}", ["PB950"]),
    ],
)
def test_a_raw_step_is_what_it_says_it_is(tmp_path: Path, kind: str, arguments: str, expected: list[str]) -> None:
    step = f"          - {{step_name: R, step_class: Raw, step_type: {kind}, arguments: {arguments}}}\n"
    assert [line.split(" ")[1] for line in problems(tmp_path, conf(step))] == expected


def test_the_policy_sees_all_of_it(tmp_path: Path) -> None:
    there = NEXT + "              Data: {Uri: s3://payroll/x, RoleArn: arn:aws:iam::123456789012:role/admin}\n"
    workspace = make_workspace(tmp_path, conf=conf(there))
    workspace.call("checkout")
    refused = workspace.call("validate").err
    assert "PB231 step 'churn-Next'" in refused
    assert "s3://payroll/x" in refused
    assert "PB235 step 'churn-Next'" in refused


@pytest.mark.long
def test_a_stub_gives_its_result(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=conf(NEXT))
    assert "PB501 step 'churn-Next': the local engine can't run a 'QuantumJob' step" in workspace.call("up").err
    (workspace.root / "next.json").write_text("{}")
    ended = workspace.call("up", "--stub", "churn-Next=next.json")
    assert ended.code == 0, ended.err
