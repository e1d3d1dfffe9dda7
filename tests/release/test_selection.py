"""Selective execution: what is chosen, whose results are used, and that it really runs that way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_builder.descriptions import Selection
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.release.run import follow, start
from pipeline_builder.release.selection import (
    MOST_SELECTED,
    Changes,
    Found,
    changed_repos,
    choose,
    select_changed,
    select_steps,
)
from pipeline_builder.release.whole import groups_left
from pipeline_builder.target import Target
from tests.engine.definitions import (
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

A = script("a", "date +%N > /opt/ml/processing/output/x")
B = script("b", "cat /opt/ml/processing/input/i/x > /opt/ml/processing/output/x", inputs={"i": output_of("a")})
C = script("c", "cat /opt/ml/processing/input/i/x", inputs={"i": output_of("b")})
OTHER = script("other", "true")
CHAIN = definition(A, B, C, OTHER)


def lock(**trees: str) -> Lock:
    repo = LockedRepo(name="", url="u", revision="main", commit="0" * 40, tree="", committed="2026-01-01T00:00:00Z")
    return Lock(manifest_commit="", repos=tuple(replace(repo, name=name, tree=tree) for name, tree in trees.items()))


def changes(before: Lock, now: Lock) -> Changes:
    return Changes(before=before, now=now, repo_of={"a": "one", "b": "two", "c": "two", "other": "three"})


def states(local: Target, found: Found, content: bytes) -> dict[str, str]:
    """Run the selection; give each step's state, `taken` where another execution's result stands."""
    assert found.selection is not None
    deployed = local.pipelines.put_pipeline("p", content)
    ended = follow(
        local.pipelines,
        start(local.pipelines, deployed, {}, rerun=False, selection=found.selection),
        lambda _state: None,
    )
    assert ended.status.value == "Succeeded"
    return {state.name: state.status.value for state in local.pipelines.list_steps(ended.arn)}


def test_repositories_that_changed() -> None:
    before = lock(one="1", two="2", gone="3")
    assert changed_repos(before, lock(one="1", two="9", new="4")) == ("two", "new")
    assert changed_repos(before, before) == ()


def test_all_on_the_paths_between_two_steps_are_chosen() -> None:
    chosen = choose(CHAIN, ["a", "c"], descendants=False)
    assert (chosen.steps, chosen.needed, chosen.left_out) == (("a", "b", "c"), (), ("other",))
    chosen = choose(CHAIN, ["b"], descendants=True)
    assert (chosen.steps, chosen.needed, chosen.left_out) == (("b", "c"), ("a",), ("a", "other"))


def test_what_lies_between_is_said_and_cannot_be_excluded(tmp_path: Path) -> None:
    local = target(tmp_path)
    found = select_steps(local.pipelines, "p", CHAIN, ["a", "c"])
    assert found.words == "3 steps (as asked, with b between them); left out: other"
    with pytest.raises(InputProblems, match="PB029 'b' can't be left out: it lies between steps that are selected"):
        select_steps(local.pipelines, "p", CHAIN, ["a", "c"], excluded=["b", "other"])


def test_more_steps_than_the_service_takes(tmp_path: Path) -> None:
    many = definition(*(script(f"s{number}", "true") for number in range(MOST_SELECTED + 2)))
    names = [f"s{number}" for number in range(MOST_SELECTED + 2)]
    local = target(tmp_path)
    with pytest.raises(InputProblems, match="PB030 51 steps are selected, and SageMaker takes at most 50"):
        select_steps(local.pipelines, "p", many, names[1:])
    assert select_steps(local.pipelines, "p", many, names).selection is None  # everything needs no selection
    words = select_steps(local.pipelines, "p", many, names[:1]).words
    assert words.endswith("s12 and 39 more")


def test_a_condition_stands_for_what_is_inside() -> None:
    gate = condition(
        "gate", compare("LessThan", read_report("m", "x"), 2), then=[script("in", "true")], otherwise=[fail("no")]
    )
    content = definition(measured("m", '{"x": 1}'), gate, script("after", "true", DependsOn=["in"]))
    chosen = choose(content, ["in"], descendants=True)
    assert (chosen.steps, chosen.needed, chosen.left_out) == (("gate", "after"), ("m",), ("m",))


@pytest.mark.long
def test_a_condition_that_is_selected_runs_what_is_inside(tmp_path: Path) -> None:
    local = target(tmp_path)
    gate = condition(
        "gate", compare("LessThan", read_report("m", "x"), 2), then=[script("in", "true")], otherwise=[fail("no")]
    )
    content = definition(measured("m", '{"x": 1}'), gate)
    run(local, content)
    found = select_steps(local.pipelines, "p", content, ["gate"])
    assert states(local, found, content) == {"m": "Succeeded", "gate": "Succeeded", "in": "Succeeded", "no": "Skipped"}


@pytest.mark.long
def test_only_what_changed_runs_on_the_results_of_the_last_run(tmp_path: Path) -> None:
    local = target(tmp_path)
    _, first, _ = run(local, CHAIN)
    found = select_changed(local.pipelines, "p", CHAIN, changes(lock(one="1", two="2"), lock(one="1", two="9")))
    assert found.selection == Selection(steps=("b", "c"), source=first.arn)
    assert found.words == (
        f"2 steps (changed: two); left out: a, other; their results are those of execution {first.id}"
    )
    assert states(local, found, CHAIN) == {"a": "Succeeded", "b": "Succeeded", "c": "Succeeded", "other": "Waiting"}
    newest = local.pipelines.list_executions("p")[0]
    # The result of `a` is the first execution's: nothing has made another.
    made = {s.name: s.log for s in local.pipelines.list_steps(first.arn)}
    used = {s.name: s.log for s in local.pipelines.list_steps(newest.arn)}
    assert (used["a"], used["b"] != made["b"]) == (made["a"], True)
    # `other` has no result in the newest execution; the one before it has.
    again = select_steps(local.pipelines, "p", CHAIN, ["b"])
    assert again.selection == Selection(steps=("b",), source=newest.arn)


@pytest.mark.long
def test_a_step_that_changed_for_another_reason_runs_too(tmp_path: Path) -> None:
    local = target(tmp_path)
    run(local, CHAIN)
    same = lock(one="1", two="2", three="3")
    changed = definition(A, B, C, script("other", "true # another value"))
    found = select_changed(local.pipelines, "p", changed, changes(same, same))
    assert (found.selection, found.words) == (
        Selection(steps=("other",), source=""),
        "1 step (no repository changed); left out: a, b, c",
    )
    nothing = select_changed(local.pipelines, "p", CHAIN, changes(same, same))
    assert nothing.selection == Selection(steps=(), source="")


def test_everything_runs_where_no_results_are(tmp_path: Path) -> None:
    local = target(tmp_path)
    found = select_changed(local.pipelines, "p", CHAIN, changes(lock(two="1"), lock(two="2")))
    assert (found.selection, "no execution has succeeded" in found.words) == (None, True)


def test_steps_that_cannot_be_selected(tmp_path: Path) -> None:
    local = target(tmp_path)
    with pytest.raises(InputProblems) as caught:
        select_steps(local.pipelines, "p", CHAIN, ["othr", "x"])
    assert [(p.id, p.message, p.hint) for p in caught.value.problems] == [
        ("PB442", "the pipeline has no step 'othr'", "did you mean 'other'"),
        ("PB442", "the pipeline has no step 'x'", "known here: a, b, c, other"),
    ]
    with pytest.raises(InputProblems, match="no execution that succeeded has the result of 'a'"):
        select_steps(local.pipelines, "p", CHAIN, ["b"])


def test_the_groups_of_models_that_are_left_out_are_those_that_nothing_registers_into() -> None:
    groups = {"A-Register": "a", "B-Register": "b", "Again-Register": "b", "C-Register": {"Get": "Parameters.Group"}}
    steps = [
        {"Name": name, "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": group}}
        for name, group in groups.items()
    ]
    definition = json.dumps({"Steps": [*steps, {"Name": "A-Train", "Type": "Training"}]}).encode()
    assert groups_left(definition, ()) == {"a", "b"}
    assert groups_left(definition, ["A-Train", "A-Register"]) == {"b"}
    assert groups_left(definition, ["B-Register"]) == {"a"}
