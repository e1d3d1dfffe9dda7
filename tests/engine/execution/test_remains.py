"""What an execution has made, deleted by hand: the next run makes it again, and the one after that finds it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline_builder.engine.state.state import State
from pipeline_builder.release.run import find_unchanged
from tests.engine.definitions import CACHED, definition, output_of, run, script, target

WRITE = "echo x > /opt/ml/processing/output/x"


@pytest.mark.long
@pytest.mark.parametrize("gone", ["store", "store/local/out"])
def test_a_store_deleted_by_hand_is_not_nothing_changed(tmp_path: Path, gone: str) -> None:
    local = target(tmp_path)
    content = definition(
        script("a", WRITE, **CACHED),
        script("b", f"cat /opt/ml/processing/input/a/x && {WRITE}", inputs={"a": output_of("a")}),
    )
    _, first, _ = run(local, content)
    assert find_unchanged(local.pipelines, "p", content, {}) == first
    shutil.rmtree(tmp_path / "state" / gone)
    assert find_unchanged(local.pipelines, "p", content, {}) is None
    begun, second, steps = run(local, content)
    assert (begun.origin, second.status.value, steps["a"].cache_hit) == ("started", "Succeeded", "")
    begun, third, _ = run(local, content)
    assert (begun.origin, third.arn) == ("unchanged", second.arn)


def test_a_store_that_was_moved_before_it_was_deleted_is_not_nothing_changed(tmp_path: Path) -> None:
    content = definition(script("a", WRITE), script("empty", "true"))
    _, first, _ = run(target(tmp_path / "here"), content)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = target(tmp_path / "there")
    assert find_unchanged(moved.pipelines, "p", content, {}) == first
    shutil.rmtree(tmp_path / "there" / "state" / "store")
    assert find_unchanged(moved.pipelines, "p", content, {}) is None


def test_what_has_the_name_of_an_empty_output_elsewhere_is_none_of_a_workspace_that_stayed(tmp_path: Path) -> None:
    local, content = target(tmp_path), definition(script("empty", "true"))
    _, first, _ = run(local, content)
    state = State(tmp_path / "state" / "state.db")
    state.remember_digests((f"/other/store/local/out/{first.id}/empty/x", "", ""))
    assert find_unchanged(local.pipelines, "p", content, {}) == first
    with state.transaction() as db:
        db.execute("UPDATE steps SET log = '/other/jobs/log.txt'")
    assert find_unchanged(local.pipelines, "p", content, {}) is None


@pytest.mark.long
def test_one_output_that_is_gone_is_made_again_and_the_others_come_from_the_cache(tmp_path: Path) -> None:
    local = target(tmp_path)
    content = definition(script("a", WRITE, **CACHED), script("b", WRITE, **CACHED), script("empty", "true"))
    _, first, _ = run(local, content)
    shutil.rmtree(tmp_path / "state" / "store" / "local" / "out" / first.id / "a")
    _, second, steps = run(local, content)
    assert {name: step.cache_hit for name, step in steps.items()} == {"a": "", "b": first.arn, "empty": ""}
    begun, _, _ = run(local, content)
    assert (begun.origin, begun.execution.arn) == ("unchanged", second.arn)
