"""How often a step writes: twice where it runs, once where its result comes out of the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.target import Target
from tests.engine.definitions import CACHED, definition, run, script, target


def chain(length: int, command: str) -> bytes:
    before: list[dict[str, Any]] = [{"DependsOn": [f"s{n - 1}"]} if n else {} for n in range(length)]
    return definition(*(script(f"s{n}", command, **CACHED, **before[n]) for n in range(length)))


def commits(local: Target, content: bytes, *, again: bool = False) -> int:
    """Run a definition, and return how many transactions that takes."""
    pipelines: Any = local.pipelines
    said: list[str] = []
    with pipelines.engine.state.transaction() as db:
        db.set_trace_callback(said.append)
    try:
        run(local, content, again=again)
    finally:
        with pipelines.engine.state.transaction() as db:
            db.set_trace_callback(None)
    return said.count("COMMIT")


@pytest.fixture
def local(tmp_path: Path) -> Target:
    return target(tmp_path)


@pytest.mark.long
def test_each_step_that_runs_writes_twice(local: Target) -> None:
    short, long = chain(2, "true"), chain(6, "true # again")
    assert commits(local, long) - commits(local, short) == 2 * 4


@pytest.mark.long
def test_each_step_out_of_the_cache_writes_once(tmp_path: Path) -> None:
    counted = []
    for length in (2, 6):
        local, content = target(tmp_path / str(length)), chain(length, "true")
        run(local, content)
        counted.append(commits(local, content, again=True))
    assert counted[1] - counted[0] == 4


def test_a_step_looks_for_its_own_entry_only(local: Target) -> None:
    """Steps that ask for the same have the same key."""
    pipelines: Any = local.pipelines
    sql = "EXPLAIN QUERY PLAN SELECT * FROM cache WHERE pipeline = ? AND step = ? AND key = ? ORDER BY number DESC"
    (plan,) = pipelines.engine.state.query(sql, "p", "s", "k")
    assert "pipeline=? AND step=? AND key=?" in plan["detail"]
