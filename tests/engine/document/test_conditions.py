"""Conditions on the local engine: what runs, what is skipped, what a Fail step says, and what a kill leaves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import CachePrediction, ExecutionStatus
from pipeline_builder.engine.document.conditions import decide
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import (
    CACHED,
    compare,
    condition,
    definition,
    fail,
    measured,
    output_of,
    read_report,
    run,
    script,
    target,
)
from tests.forking import fork
from tests.places import ROOT

YES, NO = compare("Equals", 1, 1), compare("Equals", 1, 2)


def is_in(value: Any, *values: Any) -> dict[str, Any]:
    return {"Type": "In", "QueryValue": value, "Values": list(values)}


def negated(inner: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Not", "Condition": inner}


def either(*inner: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Or", "Conditions": list(inner)}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([YES], True),
        ([YES, NO], False),
        ([compare("Equals", "a", "a")], True),
        ([compare("Equals", 2, 2.0)], True),
        ([compare("Equals", True, 1)], False),
        ([compare("Equals", "1", 1)], False),
        ([compare("GreaterThan", 2, 1), compare("GreaterThanOrEqualTo", 2, 2)], True),
        ([compare("GreaterThan", 2, 2)], False),
        ([compare("LessThan", 1, 1.5), compare("LessThanOrEqualTo", 1.5, 1.5)], True),
        ([compare("LessThan", float("nan"), 1)], False),
        ([compare("LessThan", "2026-01-01", "2026-02-01")], True),
        ([is_in("a", "b", "a")], True),
        ([is_in(1, "1", True)], False),
        ([negated(NO)], True),
        ([either(NO, YES)], True),
        ([either(NO, negated(either(YES)))], False),
    ],
)
def test_decide(conditions: list[dict[str, Any]], expected: bool) -> None:
    assert decide(conditions) is expected


@pytest.mark.parametrize(
    "wrong", [compare("LessThan", "a", 1), compare("LessThan", True, False), {"Type": "Odd"}, {"Type": "Equals"}]
)
def test_what_cannot_be_decided(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputProblems, match="PB507"):
        decide([NO, either(YES, wrong)])


def statuses(steps: dict[str, Any]) -> dict[str, str]:
    return {name: state.status.value for name, state in steps.items()}


def test_one_branch_runs_and_the_other_is_skipped(tmp_path: Path) -> None:
    count = tmp_path / "count"
    content = definition(
        script("after", f"echo after >> {count}", DependsOn=["c"]),
        script("after-no", f"echo after-no >> {count}", DependsOn=["no"]),
        measured("m", '{"auc": {"value": 0.9}}'),
        condition(
            "c",
            compare("GreaterThanOrEqualTo", read_report("m", "auc.value"), 0.8),
            then=[script("yes", f"echo yes >> {count}")],
            otherwise=[script("no", f"echo no >> {count}"), fail("f")],
        ),
    )
    _, ended, steps = run(target(tmp_path), content)
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert statuses(steps) == {
        "m": "Succeeded", "c": "Succeeded", "yes": "Succeeded", "after": "Succeeded",
        "no": "Skipped", "f": "Skipped", "after-no": "Skipped",
    }  # fmt: skip
    assert steps["c"].metadata == {"Condition": "True"}
    assert sorted(count.read_text().split()) == ["after", "yes"]


@pytest.mark.long
def test_nothing_of_a_branch_runs_before_it_is_decided(tmp_path: Path) -> None:
    count = tmp_path / "count"
    content = definition(
        script("slow", f"sleep 0.4; echo slow >> {count}"),
        condition("c", YES, then=[script("yes", f"echo yes >> {count}")], DependsOn=["slow"]),
        script("after", f"echo after >> {count}", DependsOn=["c"]),
    )
    run(target(tmp_path), content)
    assert count.read_text().split()[0] == "slow"


def test_conditions_in_conditions_and_their_outcomes(tmp_path: Path) -> None:
    inner = condition("inner", NO, then=[script("a", "true")], otherwise=[script("b", "true")])
    other = condition("other", YES, then=[script("d", "true")])
    outer = condition("outer", YES, then=[inner], otherwise=[other])
    outcome = compare("Equals", {"Get": "Steps.inner.Outcome"}, False)
    last = condition("last", outcome, then=[script("z", "true")])
    _, ended, steps = run(target(tmp_path), definition(last, outer))
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert statuses(steps) == {
        "outer": "Succeeded", "inner": "Succeeded", "other": "Skipped", "a": "Skipped", "b": "Succeeded",
        "d": "Skipped", "last": "Succeeded", "z": "Succeeded",
    }  # fmt: skip


def test_an_outcome_that_a_definition_of_before_has_as_a_text(tmp_path: Path) -> None:
    first = condition("first", YES)
    taken = compare("Equals", {"Get": "Steps.first.Outcome"}, "True")
    _, _, steps = run(target(tmp_path), definition(first, condition("then", taken, then=[script("a", "true")])))
    assert statuses(steps)["a"] == "Succeeded"


def test_a_fail_step_says_the_numbers(tmp_path: Path) -> None:
    words = ["mae is ", read_report("m", "mae"), ", of ", {"Get": "Parameters.Limit"}]
    content = definition(
        measured("m", '{"mae": 1.5}'),
        condition(
            "c",
            compare("LessThan", read_report("m", "mae"), {"Get": "Parameters.Limit"}),
            then=[script("yes", "true")],
            otherwise=[fail("f", {"Std:Join": {"On": "", "Values": words}})],
        ),
        Parameters=[{"Name": "Limit", "Type": "Float", "DefaultValue": 2}],
    )
    local = target(tmp_path)
    assert run(local, content)[1].status is ExecutionStatus.SUCCEEDED
    _, ended, steps = run(local, content, Limit="1")
    assert (ended.status, ended.failure_reason) == (ExecutionStatus.FAILED, "mae is 1.5, of 1")
    assert (steps["f"].status.value, steps["f"].failure_reason) == ("Failed", "mae is 1.5, of 1")
    assert steps["yes"].status.value == "Skipped"


def test_the_document_orders_nested_steps_and_finds_cycles() -> None:
    content = definition(condition("c", YES, then=[script("b", "true", DependsOn=["a"])]), script("a", "true"))
    assert [(s.name, s.before) for s in load_definition(content).steps] == [
        ("c", ()), ("a", ()), ("b", ("a", "c")),
    ]  # fmt: skip
    waits = condition("c", compare("Equals", {"Get": "Steps.b.X"}, 1), then=[script("b", "true")])
    with pytest.raises(InputProblems, match="PB503"):
        load_definition(definition(waits))
    with pytest.raises(InputProblems, match="PB502 step 'b' stands 2 times"):
        load_definition(definition(script("b", "true"), condition("c", YES, then=[script("b", "true")])))


# --- reading JSON files


REPORT = '{"a": {"b": [{"c": 0.5}, "text"]}, "ok": true, "zero": 0, "none": null, "odd name": 3, "half": "\\ud800"}'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b[0].c", 0.5), ("a.b[1]", "text"), ("ok", True), ("zero", 0), ("odd name", 3), ("['odd name']", 3),
        ('a["b"][0].c', 0.5), ("$.a.b[0].c", 0.5), ("$['a'].b[0].c", 0.5),
    ],
)  # fmt: skip
def test_values_of_a_property_file(tmp_path: Path, path: str, expected: object) -> None:
    content = definition(
        measured("m", REPORT),
        condition("c", compare("Equals", read_report("m", path), expected), otherwise=[fail("f")]),
    )
    assert run(target(tmp_path), content)[1].status is ExecutionStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a.x", "it has no 'a.x': 'a' has 'b'"),
        ("x", "it has no 'x': the file has 'a', 'ok', 'zero', 'none', 'odd name', 'half'"),
        ("a.b[2]", "it has no 'a.b[2]': 'a.b' has 2 items"),
        ("ok.x", "it has no 'ok.x': 'ok' has nothing below it"),
        ("a", "'a' is a mapping there, expected a number, a text or a flag"),
        ("a.b", "'a.b' is a list there, expected a number, a text or a flag"),
        ("none", "'none' is empty there, expected a number, a text or a flag"),
        ("$..c", "the path '$..c' can't be read from '..c' on"),
        ("half", "'half' has half a character (a lone surrogate) there, expected Unicode text"),
        ("a..b", "the path 'a..b' can't be read from '..b' on"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, path: str, why: str) -> None:
    content = definition(measured("m", REPORT), condition("c", compare("Equals", read_report("m", path), 1)))
    _, ended, steps = run(target(tmp_path), content)
    uri = f"s3://local/out/{ended.id}/m/report.json"
    assert steps["c"].failure_reason == f"PB506 the JSON file '{uri}' can't be used: {why}"
    assert ended.status is ExecutionStatus.FAILED


@pytest.mark.long
def test_property_files_that_are_not_there_or_no_json(tmp_path: Path) -> None:
    files = [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}]
    wanted = compare("Equals", read_report("m", "auc"), 1)
    for command, why in (("true", "it isn't there, and 'auc' was"), ("echo '{' > $OUT/report.json", "it is no JSON: ")):
        step = script("m", command.replace("$OUT", "/opt/ml/processing/output"), PropertyFiles=files)
        _, _, steps = run(target(tmp_path), definition(step, condition("c", wanted)))
        assert why in steps["c"].failure_reason
    _, _, steps = run(target(tmp_path), definition(script("m", "true"), condition("c", wanted)))
    assert "the step declares no such property file" in steps["c"].failure_reason


def test_a_json_file_by_its_address_and_in_any_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settings.json").write_text('{"mode": "fast", "file": "x.txt"}')
    (tmp_path / "data" / "x.txt").write_text("")
    mode = {"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://b", "settings.json"]}}, "Path": "mode"}}
    file = {"Std:JsonGet": {"S3Uri": "s3://b/settings.json", "Path": "file"}}
    step = script("a", "[ $MODE = fast ]", inputs={"d": {"Std:Join": {"On": "/", "Values": ["s3://b", file]}}})
    step["Arguments"]["Environment"] = {"MODE": mode}
    assert run(target(tmp_path, b=tmp_path / "data"), definition(step))[1].status is ExecutionStatus.SUCCEEDED


def test_a_changed_json_file_is_a_change(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "flag.json").write_text('{"go": true}')
    go = {"Std:JsonGet": {"S3Uri": "s3://b/flag.json", "Path": "go"}}
    content = definition(condition("c", compare("Equals", go, True), otherwise=[script("no", "true")]))
    local = target(tmp_path, b=data)
    run(local, content)
    assert run(local, content)[0].origin == "unchanged"
    (data / "flag.json").write_text('{"go": false}')
    begun, _, steps = run(local, content)
    assert (begun.origin, steps["no"].status.value) == ("started", "Succeeded")


# --- the cache, predictions, kills


def gated(tmp_path: Path, *, bound: float = 1.0) -> bytes:
    count = tmp_path / "count"
    return definition(
        measured("m", '{"mae": 1.0}', **CACHED),
        condition(
            "c",
            compare("LessThanOrEqualTo", read_report("m", "mae"), bound),
            then=[script("yes", f"echo yes >> {count}; cp -r /opt/ml/processing/input/m /opt/ml/processing/output",
                         inputs={"m": output_of("m")}, **CACHED)],
            otherwise=[fail("f")],
        ),
        script("after", "true", DependsOn=["yes"]),
    )  # fmt: skip


@pytest.mark.long
def test_predictions_and_the_cache_of_nested_steps(tmp_path: Path) -> None:
    local = target(tmp_path)

    def predicted(content: bytes) -> dict[str, tuple[str, str]]:
        found = local.pipelines.predict_cache("p", content, {})
        return {p.step: (fate(p), p.reason.split(" of ")[0]) for p in found}

    def fate(p: CachePrediction) -> str:
        return "skip" if p.skipped else "maybe" if p.conditional else "cache" if p.hit else "run"

    assert predicted(gated(tmp_path)) == {
        "m": ("run", "has not run before"), "c": ("run", "after 'm', which runs"),
        "yes": ("maybe", "if 'c' comes out as True"), "f": ("maybe", "if 'c' comes out as False"),
        "after": ("maybe", "if 'yes' runs"),
    }  # fmt: skip
    _, first, _ = run(local, gated(tmp_path))
    assert predicted(gated(tmp_path)) == {
        "m": ("cache", f"execution {first.id}"), "c": ("run", "comes out as True"),
        "yes": ("cache", f"execution {first.id}"), "f": ("skip", "'c' goes the other way"),
        "after": ("run", "the cache is off for this step"),
    }  # fmt: skip
    _, _, steps = run(local, gated(tmp_path), again=True)
    assert {n: s.cache_hit for n, s in steps.items() if s.cache_hit} == {"m": first.arn, "yes": first.arn}
    blocked = predicted(gated(tmp_path, bound=0.5))
    assert blocked["f"] == ("run", "fails the run")
    assert blocked["yes"] == ("skip", "'c' goes the other way")
    assert blocked["after"] == ("skip", "waits for 'yes', which is skipped")


@pytest.mark.long
def test_parameters_of_nested_steps_and_conditions_decide(tmp_path: Path) -> None:
    inner = script("i", "true")
    inner["Arguments"]["Environment"] = {"X": {"Get": "Parameters.Inner"}}
    step = condition("c", compare("Equals", {"Get": "Parameters.Mode"}, "a"), then=[inner])
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "a"} for name in ("Inner", "Mode", "Other")]
    content = definition(step, Parameters=parameters)
    local = target(tmp_path)
    run(local, content)
    started = (run(local, content, Other="b"), run(local, content, Inner="b"), run(local, content, Mode="b"))
    assert [begun.origin for begun, _, _ in started] == ["unchanged", "started", "started"]


def start_and_kill(tmp_path: Path, content: bytes, begun: Path) -> None:
    """Run the definition in a process of its own, and kill that when the file is there."""
    (tmp_path / "d.json").write_bytes(content)
    code = f"""
from pathlib import Path
from tests.engine.definitions import run, target
run(target(Path({str(tmp_path)!r})), Path({str(tmp_path / "d.json")!r}).read_bytes())
"""
    process = fork(["-c", code], cwd=ROOT, environment=os.environ, start_new_session=True)
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=20)


@pytest.mark.long
def test_killed_after_the_decision_and_continued(tmp_path: Path) -> None:
    """What was decided stays decided, even where the same condition would come out the other way now."""
    count, begun = tmp_path / "count", tmp_path / "begun"
    go = {"Std:JsonGet": {"S3Uri": "s3://b/flag.json", "Path": "go"}}
    slow = f"echo yes >> {count}; [ -e {begun} ] || {{ touch {begun}; sleep 30; }}"
    content = definition(
        condition("c", compare("Equals", go, True), then=[script("yes", slow)], otherwise=[fail("f")]),
        script("after", f"echo after >> {count}", DependsOn=["yes"]),
    )
    stored = tmp_path / "state" / "store" / "b" / "flag.json"
    stored.parent.mkdir(parents=True)
    stored.write_text('{"go": true}')
    start_and_kill(tmp_path, content, begun)
    stored.write_text('{"go": false}')
    local = target(tmp_path)
    (interrupted,) = local.pipelines.list_executions()
    assert statuses({s.name: s for s in local.pipelines.list_steps(interrupted.arn)}) == {
        "c": "Succeeded", "yes": "Executing", "f": "Skipped", "after": "Waiting",
    }  # fmt: skip
    ended = local.pipelines.follow_execution(interrupted.arn, lambda _state: None)
    steps = {state.name: state for state in local.pipelines.list_steps(ended.arn)}
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert statuses(steps) == {"c": "Succeeded", "yes": "Succeeded", "f": "Skipped", "after": "Succeeded"}
    assert (steps["c"].attempts, count.read_text().split()) == (1, ["yes", "yes", "after"])


@pytest.mark.long
def test_killed_before_the_decision_and_continued(tmp_path: Path) -> None:
    begun, count = tmp_path / "begun", tmp_path / "count"
    files = [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}]
    report = json.dumps({"mae": 2})
    slow = f"[ -e {begun} ] || {{ touch {begun}; sleep 30; }}; echo '{report}' > /opt/ml/processing/output/report.json"
    content = definition(
        script("m", slow, PropertyFiles=files),
        condition(
            "c",
            compare("LessThan", read_report("m", "mae"), 1),
            then=[script("yes", f"echo yes >> {count}")],
            otherwise=[script("no", f"echo no >> {count}")],
        ),
    )
    start_and_kill(tmp_path, content, begun)
    start, ended, steps = run(target(tmp_path), content)
    assert (start.origin, ended.status) == ("continued", ExecutionStatus.SUCCEEDED)
    assert statuses(steps) == {"m": "Succeeded", "c": "Succeeded", "yes": "Skipped", "no": "Succeeded"}
    assert count.read_text().split() == ["no"]
