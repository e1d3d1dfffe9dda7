"""What the version before has left goes on: a champion, a model that waits, and a run that was killed.

`tests/before/` has a workspace as that version left it, in the middle of its third run; its paths are moved to where it
is unpacked, as if it had always been there.
"""

from __future__ import annotations

import sqlite3
import tarfile
from pathlib import Path

import pytest

from tests.engine.environments import share_environment
from tests.places import ROOT
from tests.workspaces import Workspace

BEFORE = ROOT / "tests" / "before" / "2026-11-29.tar.gz"
WAS = "/tmp/pb-before"
INTERRUPTED = "qtvusa25vwjh"
PACKAGE = "arn:aws:sagemaker:localhost:000000000000:model-package/tiny-churn"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    record = tmp_path / "build" / "run.json"
    record.write_text(record.read_text().replace(WAS, str(tmp_path)))
    state = sqlite3.connect(tmp_path / ".pipeline_builder" / "state.db")
    with state:
        for table, column in (("steps", "log"), ("jobs", "log"), ("digests", "path")):
            state.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (WAS, str(tmp_path)))
    state.close()
    share_environment(tmp_path / ".pipeline_builder")
    return Workspace(tmp_path)


def statuses(workspace: Workspace) -> dict[str, str]:
    approvals = workspace.call("history", "--json").json["approvals"]
    return {one["package"].removeprefix(f"{PACKAGE}/"): one["after"] for one in reversed(approvals)}


def test_a_model_that_waits_is_promoted(workspace: Workspace) -> None:
    done = workspace.call("promote", "--comment", "after the upgrade")
    assert done.code == 0, done.err
    assert statuses(workspace) == {"1": "Approved", "2": "Approved"}


def test_a_model_that_waits_is_rejected(workspace: Workspace) -> None:
    done = workspace.call("reject", "--comment", "not this one")
    assert done.code == 0, done.err
    assert statuses(workspace) == {"1": "Approved", "2": "Rejected"}


def test_a_killed_run_goes_on(workspace: Workspace) -> None:
    done = workspace.call("run", "--resume", INTERRUPTED)
    assert done.code == 0, done.err
    executions = workspace.call("history", "--json").json["executions"]
    assert {one["arn"].rpartition("/")[2]: one["status"] for one in executions}[INTERRUPTED] == "Succeeded"


def test_the_next_run_has_what_was_there_before_it(workspace: Workspace) -> None:
    done = workspace.call("up", "--approve", "--comment", "the third")
    assert done.code == 0, done.err
    assert "champion" in done.out
    assert statuses(workspace)["1"] == "Approved"
