"""The outline of a definition: nested and generated steps with their edges, and the nodes that are drawn of it."""

from __future__ import annotations

from datetime import datetime, timezone
from io import StringIO
from pathlib import Path

from pipeline_builder.dag.outline import Node, outline
from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.views.drawing import render_mermaid, render_text
from pipeline_builder.views.graphs.picture import render_svg
from pipeline_builder.views.progress import describe, open_progress
from tests.definition.cases import CASES
from tests.definition.composing import compose_definition
from tests.engine.definitions import compare, condition, definition, fail, measured, read_report, script


def test_edges_of_nested_steps() -> None:
    inner = condition("inner", compare("Equals", {"Get": "Steps.a.X"}, 1), then=[script("deep", "true")])
    outer = condition(
        "outer",
        compare("LessThan", read_report("m", "mae"), 1),
        then=[inner, script("b", "true", DependsOn=["a", {"Step": "m", "Trigger": "Failed"}, "gone"])],
        otherwise=[fail("f", {"Std:Join": {"On": "", "Values": [read_report("m", "mae")]}})],
    )
    found = outline(
        definition(measured("m", "{}"), script("a", "true"), outer, script("z", "true", DependsOn=["deep"]))
    )
    assert [(step.name, step.type, step.depends_on) for step in found] == [
        ("m", "Processing", ()),
        ("a", "Processing", ()),
        ("outer", "Condition", ("m",)),
        ("inner", "Condition", ("outer", "a")),
        ("deep", "Processing", ("inner",)),
        ("b", "Processing", ("outer", "a", "m")),
        ("f", "Fail", ("outer", "m")),
        ("z", "Processing", ("deep",)),
    ]


def nodes(tmp_path: Path, case: str) -> tuple[Node, ...]:
    found = outline(compose_definition(tmp_path, CASES[case].conf).content)
    return tuple(
        Node(name=s.name, type=s.type, step_class=s.type, model="churn", depends_on=s.depends_on, status="Skipped")
        for s in found
    )


def test_every_picture_has_them(tmp_path: Path) -> None:
    drawn = nodes(tmp_path, "gate")
    assert "churn-Register-Blocked  Fail           ← churn-Register-Gate, churn-Metrics" in render_text(drawn)
    assert "churn-Register-Gate<br/>Condition" in render_mermaid(drawn)
    assert "<title>churn-Register: RegisterModel of churn, Skipped" in render_svg(drawn)


def test_progress_of_a_condition() -> None:
    when = datetime(2026, 1, 1, tzinfo=timezone.utc)
    decided = StepState(
        name="c",
        type="Condition",
        status=StepStatus.SUCCEEDED,
        started=when,
        ended=when,
        metadata={"Condition": "True"},
    )
    skipped = StepState(name="f", type="Fail", status=StepStatus.SKIPPED)
    assert (describe(decided), describe(skipped)) == ("Succeeded 0.0 s: comes out as True", "Skipped")
    drawn = [Node(name=name, type="", step_class="", model="") for name in ("c", "f")]
    stream = StringIO()
    with open_progress(drawn, stream=stream, terminal=True) as observe:
        observe(decided)
        observe(skipped)
    assert "comes out as True" in stream.getvalue()
    assert "skipped" in stream.getvalue()
