"""The plan: what differs, field by field, and how it reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline_builder.descriptions import CachePrediction, DeployedPipeline
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.plan import build_plan, plan_json
from pipeline_builder.release.plan_files import load_plans
from pipeline_builder.views.plans import render_markdown, render_plan


def step(name: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": arguments}


def content(*steps: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **more}).encode()


def deployed(definition: bytes) -> DeployedPipeline:
    return DeployedPipeline(name="p", arn="arn", definition=definition, version=3)


OLD = content(
    step("a", HyperParameters={"x": "1"}, InputDataConfig=[{"ChannelName": "t", "Uri": "u"}]), step("gone", Image="i")
)
NEW = content(
    step(
        "a", HyperParameters={"x": "2", "y": "3"}, InputDataConfig=[{"ChannelName": "t", "Uri": {"Get": "Steps.b.X"}}]
    ),
    step("b", Image="i"),
)


def gated(bound: float, *steps: dict[str, Any]) -> bytes:
    conditions = [{"Type": "GreaterThan", "LeftValue": 1, "RightValue": bound}]
    arguments = {"Conditions": conditions, "IfSteps": list(steps), "ElseSteps": []}
    return content({"Name": "gate", "Type": "Condition", "Arguments": arguments})


def test_a_step_inside_of_a_condition_is_a_step() -> None:
    plan = build_plan("p", gated(2, step("a", x=2), step("b")), deployed(gated(1, step("a", x=1))), ())
    assert render_plan(plan).splitlines()[1:] == [
        "  ~ step gate",
        "      Arguments.Conditions[0].RightValue: 1 -> 2",
        '      Arguments.IfSteps[1]: (none) -> "b"',
        "  ~ step a",
        "      Arguments.x: 1 -> 2",
        "  + step b",
    ]


def test_a_plan_field_by_field() -> None:
    predictions = (
        CachePrediction(step="a", hit=False, reason="changed: hyperparameters or code"),
        CachePrediction(step="b", hit=True, reason="execution e of 2026-01-01 00:00 UTC"),
    )
    plan = build_plan("p", NEW, deployed(OLD), predictions)
    old, new = (hashlib.sha256(c).hexdigest()[:12] for c in (OLD, NEW))
    assert render_plan(plan) == (
        f"pipeline 'p' will change from version 3: 1 added, 1 changed, 1 removed ({old} -> {new})\n"
        "  ~ step a\n"
        '      Arguments.HyperParameters.x: "1" -> "2"\n'
        '      Arguments.HyperParameters.y: (none) -> "3"\n'
        '      Arguments.InputDataConfig[\'t\'].Uri: "u" -> {"Get": "Steps.b.X"}\n'
        "  + step b\n"
        "  - step gone\n"
        "a run would:\n"
        "  run    a  changed: hyperparameters or code\n"
        "  cache  b  execution e of 2026-01-01 00:00 UTC\n"
    )


@pytest.mark.long
@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
@example("x\n```\n</details><script>alert(1)</script>\n````", "a`b```c~~~~\r\n# heading ![x](y)")
def test_whatever_a_plan_names_is_one_block_of_code_in_markdown(name: str, value: str) -> None:
    """`plan --format markdown` becomes a comment on a pull request: nothing of a conf acts upon that."""
    new = content(step("a", HyperParameters={name: value}), step(name))
    predictions = (CachePrediction(step=name, hit=False, reason=value),)
    text = render_markdown(build_plan("p", new, deployed(OLD), predictions))
    tokens = [token for token in MarkdownIt("commonmark").parse(text) if token.level == 0]
    assert [token.type for token in tokens] == [
        "paragraph_open", "paragraph_close", "html_block", "fence", "html_block",
    ]  # fmt: skip
    blocks = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert blocks == ["<details><summary>Plan</summary>", "</details>"]


def test_the_order_of_steps_and_white_space_are_no_change() -> None:
    other = json.dumps(json.loads(OLD), indent=3, sort_keys=True).encode()
    plan = build_plan("p", other, deployed(OLD), ())
    assert plan.changes == ()


def test_nothing_deployed_and_nothing_changed() -> None:
    created = build_plan("p", NEW, None, ())
    assert (created.creates, created.changed, [c.kind for c in created.changes]) == (True, True, ["added", "added"])
    same = build_plan("p", OLD, deployed(OLD), (), unchanged_since="e1")
    assert (same.changed, same.changes) == (False, ())
    assert render_plan(same) == (
        f"pipeline 'p' is unchanged (version 3, {hashlib.sha256(OLD).hexdigest()[:12]})\n"
        "a run would do nothing: the same has succeeded in execution e1\nwith --rerun every step would run\n"
    )


def test_a_plan_is_read_back(tmp_path: Path) -> None:
    plan = build_plan("p", NEW, deployed(OLD), ())
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(plan)))
    (read,) = load_plans(tmp_path / "plan.json")
    assert (read.new_sha256, read.base_version) == (plan.new_sha256, 3)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"pipeline": 1}'])
def test_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputProblems, match="PB424 cannot take the plan"):
        load_plans(tmp_path / "plan.json")
