"""`gc` through the command line: what goes, what never does, beside other commands, killed, and repeated."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.execution.execution import own_lock
from pipeline_builder.engine.state.references import referring
from pipeline_builder.engine.state.state import State
from tests.tiny import CONF, TRAIN
from tests.workspaces import Kept, Workspace, make_workspace

KEEP = "  keep: {executions: 1, days: 0}\n"
# Preprocess, Train, Register: three of the six steps.
_STEPS = r"          - step_name: churn-(?:CreateModel|Transform|Metrics)\n(?:            .*\n)+"
SHORT = re.sub(_STEPS, "", re.sub(r"      transform:\n(?s:.*?)(?=      registry:)", "", CONF))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Version 1 is approved, 2 rejected, 3 waits, the fourth run has failed, and the fifth is rejected."""
    workspace = make_workspace(tmp_path_factory.mktemp("kept") / "workspace", conf=SHORT)
    manifest = workspace.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text() + KEEP)
    for number, arguments in enumerate((("--approve",), ("--reject",), (), ("--reject",), ("--reject",)), start=1):
        text = TRAIN + ("raise SystemExit('no')\n" if number == 4 else f"# {number}\n")
        workspace.push("scripts/train.py", text.replace("scale *", f"{number} * scale *"))
        ended = workspace.run("up", *arguments, "--comment", "a test")
        assert ended.code == (5 if number == 4 else 0), ended.err
    return Kept.keep(workspace)


@pytest.fixture
def workspace(kept: Kept) -> Workspace:
    return kept.restore()


def ids(workspace: Workspace) -> list[str]:
    """Return the executions, oldest first."""
    executions = workspace.call("history", "--json").json["executions"]
    return [str(one["arn"]).rsplit("/", 1)[-1] for one in reversed(executions)]


def files(workspace: Workspace) -> dict[str, bytes]:
    store = workspace.root / ".pipeline_builder" / "store"
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def of(workspace: Workspace, execution: str) -> set[str]:
    """Return which of an execution's steps have files in the store."""
    found = (re.search(rf"/executions/{execution}/churn-(\w+)/", name) for name in files(workspace))
    return {match[1] for match in found if match}


def rows(workspace: Workspace, sql: str) -> list[Any]:
    with closing(sqlite3.connect(workspace.root / ".pipeline_builder" / "state.db")) as db:
        found = db.execute(sql).fetchall()
        db.commit()
    return found


@pytest.mark.long
def test_it_says_what_would_go_and_takes_nothing(workspace: Workspace) -> None:
    before = files(workspace)
    for arguments in (("--dry-run",), ()):  # nobody is asked where nobody can answer
        ended = workspace.call("gc", *arguments)
        assert (ended.code, files(workspace) == before) == (0, True)
        assert re.search(r"^store +[\d.]+ kB  \w{12}  \(tiny, Succeeded ", ended.out, re.MULTILINE), ended.out
    assert "nothing was taken; --yes takes it" in ended.err


@pytest.mark.long
def test_what_nothing_needs_goes_and_the_rest_stays(workspace: Workspace) -> None:
    first, second, third, fourth, fifth = ids(workspace)
    before = files(workspace)
    taken = workspace.call("gc", "--yes", "--json").json
    assert all(item["taken"] for item in taken["items"])
    assert {item["name"] for item in taken["items"] if item["kind"] == "store"} == {second, fourth}
    assert taken["taken_bytes"] == taken["bytes"] > 0
    # Preprocess was cached since the first: the newest execution's result is the first one's.
    assert of(workspace, first) == {"Preprocess", "Train"}
    assert (of(workspace, second), of(workspace, fourth)) == (set(), set())
    assert (of(workspace, third), of(workspace, fifth)) == ({"Train"}, {"Train"})
    left = files(workspace)
    assert {name for name in before if "/evidence/" in name or "/code/" in name} <= left.keys()
    jobs = {path.name for path in (workspace.root / ".pipeline_builder" / "jobs").iterdir()}
    assert jobs == {first, third, fifth}
    assert workspace.call("verify", "churn").code == 0
    assert workspace.call("promote", "--run", third, "--comment", "late").code == 0
    assert workspace.call("verify", "churn", "3").code == 0
    assert "nothing changed since" in workspace.call("up").err
    assert workspace.call("rollback", "churn", "--comment", "back").code == 0
    assert workspace.call("gc", "--yes", "--json").json["items"] == []


@pytest.mark.long
def test_who_goes_back_to_what_was_taken_runs_it_again(workspace: Workspace) -> None:
    _, second, _, fourth, _ = ids(workspace)
    assert workspace.call("gc", "--yes").code == 0
    workspace.push("scripts/train.py", (TRAIN + "# 2\n").replace("scale *", "2 * scale *"))
    ended = workspace.run("up", "--reject", "--comment", "again")
    assert ended.code == 0, ended.err
    assert "nothing changed" not in ended.err
    assert second not in ended.err
    assert "churn-Preprocess  cached" in ended.err
    # A failed one begins anew: what it had done is gone.
    assert workspace.run("retry", fourth).code == 5
    steps = workspace.call("status", "--json", fourth).json["steps"]
    assert [step["status"] for step in steps] == ["Succeeded", "Failed", "Waiting"]


def test_an_execution_that_goes_on_keeps_all_it_has(workspace: Workspace) -> None:
    second = ids(workspace)[1]
    rows(workspace, f"UPDATE executions SET status = 'Executing' WHERE arn LIKE '%{second}'")
    before = of(workspace, second)
    assert workspace.call("gc", "--yes").code == 0
    assert of(workspace, second) == before == {"Train"}


@pytest.mark.long
def test_who_takes_from_the_past_and_who_decides_about_it_wait_for_each_other(workspace: Workspace) -> None:
    second = ids(workspace)[1]
    with referring(State(workspace.root / ".pipeline_builder" / "state.db")):
        process = workspace.start("gc", "--yes")
        time.sleep(0.7)
        assert (process.poll(), of(workspace, second)) == (None, {"Train"})
    process.communicate(timeout=60)
    assert (process.wait(), of(workspace, second)) == (0, set())


def test_whose_lock_is_held_keeps_all(workspace: Workspace) -> None:
    second = ids(workspace)[1]
    with own_lock(workspace.root / ".pipeline_builder" / "jobs" / second):
        taken = workspace.call("gc", "--yes", "--json").json["items"]
    assert {item["taken"] for item in taken if item["name"] == second} == {False}
    assert of(workspace, second) == {"Train"}


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_next_one_its_work(workspace: Workspace) -> None:
    before = files(workspace)
    codes: list[int] = []
    while not codes or codes[-1] == -signal.SIGKILL:  # later each time, until one is quicker
        process = workspace.start("gc", "--yes")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=0.01 * 1.2 ** len(codes))
        process.kill()
        process.communicate(timeout=60)
        codes.append(process.wait())
    assert (codes[0], codes[-1]) == (-signal.SIGKILL, 0)
    assert workspace.call("gc", "--yes").code == 0
    first, second, third, fourth, fifth = ids(workspace)
    assert [len(of(workspace, one)) for one in (first, second, third, fourth, fifth)] == [2, 0, 1, 0, 1]
    assert {name for name in before if "/evidence/" in name} <= files(workspace).keys()
    assert workspace.call("verify", "churn").code == 0


def test_what_is_none_of_ours_is_left_and_said(workspace: Workspace, tmp_path: Path) -> None:
    state = workspace.root / ".pipeline_builder"
    second = ids(workspace)[1]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    (folder,) = state.glob(f"store/*/tiny/churn/executions/{second}")
    (folder / "link").symlink_to(mine)
    (state / "jobs" / "notes").mkdir()
    (state / "envs" / "notes.txt").write_text("mine")
    (state / "store" / "local" / "notes.txt").write_text("mine")
    (state / "git" / "notes.txt").write_text("mine")
    ended = workspace.call("gc", "--yes")
    assert ended.code == 0
    for path in (folder / "link", state / "jobs" / "notes", state / "envs" / "notes.txt", state / "git" / "notes.txt"):
        assert f"left, as the state knows nothing of it: {path}" in ended.out
        assert path.exists()
    assert (mine / "thesis.txt").read_text() == (state / "store" / "local" / "notes.txt").read_text() == "mine"


def test_a_repository_that_nobody_names_goes(workspace: Workspace) -> None:
    state = workspace.root / ".pipeline_builder"
    for part in ("git", "json", "index"):
        source, copy = state / "git" / f"churn.{part}", state / "git" / f"gone.{part}"
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    found = workspace.call("gc", "--yes", "--json").json
    assert [item["name"] for item in found["items"] if item["kind"] == "git"] == ["gone"]
    assert not [*(state / "git").glob("gone*")]
    assert workspace.call("checkout").code == 0


def test_a_damaged_state_loses_nothing(workspace: Workspace) -> None:
    (workspace.root / ".pipeline_builder" / "state.db").write_bytes(b"not a database, but long enough to be read" * 99)
    before = files(workspace)
    ended = workspace.call("gc", "--yes")
    assert (ended.code, files(workspace) == before) == (4, True)
    assert "PB532" in ended.err


def test_where_nothing_is_there_nothing_is_made(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, state=False)
    ended = workspace.call("gc", "--yes")
    assert (ended.code, "nothing to take" in ended.out) == (0, True)
    assert not (workspace.root / ".pipeline_builder").exists()
    refused = workspace.call("gc", "--target", "aws")
    assert (refused.code, "PB787" in refused.err) == (1, True)


@pytest.fixture
def bounded(workspace: Workspace) -> Workspace:
    """Return the workspace with objects of some megabytes, which `days` would keep, and a bound."""
    manifest = workspace.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace(KEEP, "  keep: {store: 5MB}\n"))
    for model in workspace.root.glob(".pipeline_builder/store/**/model.tar.gz"):
        with model.open("ab") as file:
            file.write(os.urandom(2_000_000))
    return workspace


def test_a_bound_takes_the_oldest_before_their_time(bounded: Workspace) -> None:
    ended = bounded.call("gc", "--json", "--yes")
    _, second, _, _, fifth = ids(bounded)
    assert {item["name"] for item in json.loads(ended.out)["items"] if item["kind"] == "store"} >= {second}
    assert (of(bounded, second), of(bounded, fifth)) == (set(), {"Train"})
    assert "PB788 store: 6.1 MB are needed, which is more than 'local.keep' has (5.0 MB)" in ended.err
