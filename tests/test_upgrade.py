"""What the version before has left goes on: champions, models that wait, a run that was killed, and no evidence.

`tests/before/` has workspaces as that version left them: the tiny model in the middle of its third run, whose paths are
moved to where it is unpacked, as if it had always been there; and `decisions.tar.xz`, of 3a93b8d, the three models of
`tests/trio.py` after `up --approve --comment "as before"`, a change of price's script, and `up` again, which registered
all three anew.
"""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.console.consoles import client_of, looks_of
from tests.engine.environments import share_environment
from tests.places import ROOT
from tests.trio import Trio
from tests.workspaces import Workspace

BEFORE = ROOT / "tests" / "before"
WAS = "/tmp/pb-before"
INTERRUPTED = "qtvusa25vwjh"
PACKAGE = "arn:aws:sagemaker:localhost:000000000000:model-package/tiny-churn"
OLD = [(f"trio-{name}/1", "Approved", "ada") for name in ("churn", "price", "segments")]
NEWEST = "cl86iqy0asbx"
FIRST = "46rkn5inflzx"


def unpack(name: str, root: Path) -> Path:
    with tarfile.open(BEFORE / name) as archive:
        archive.extractall(root, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(root)
    share_environment(root / ".pipeline_builder")
    return root


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = unpack("2026-11-29.tar.gz", tmp_path)
    record = root / "build" / "run.json"
    record.write_text(record.read_text().replace(WAS, str(root)))
    with closing(sqlite3.connect(root / ".pipeline_builder" / "state.db")) as state, state:
        for table, column in (("steps", "log"), ("jobs", "log"), ("digests", "path")):
            state.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (WAS, str(root)))
    return Workspace(root)


@pytest.fixture
def trio(tmp_path: Path) -> Trio:
    return Trio(unpack("decisions.tar.xz", tmp_path))


# --- one model, and a run that was killed


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


@pytest.mark.long
def test_a_killed_run_goes_on(workspace: Workspace) -> None:
    done = workspace.call("run", "--resume", INTERRUPTED)
    assert done.code == 0, done.err
    executions = workspace.call("history", "--json").json["executions"]
    assert {one["arn"].rpartition("/")[2]: one["status"] for one in executions}[INTERRUPTED] == "Succeeded"


@pytest.mark.long
def test_the_next_run_has_what_was_there_before_it(workspace: Workspace) -> None:
    done = workspace.call("up", "--approve", "--comment", "the third")
    assert done.code == 0, done.err
    assert "champion" in done.out
    assert statuses(workspace)["1"] == "Approved"


# --- three models approved as one, newer versions that wait, and no evidence


def test_what_it_has_decided_stays_decided(trio: Trio) -> None:
    refused = trio.decide("reject", "churn", "--run", FIRST, "--comment", "no", by="bob")
    assert (refused.code, "trio-churn version 1 is approved since 20" in refused.err) == (3, True), refused.err
    assert f"approved by ada: as before (execution {FIRST}, definition " in refused.err
    assert trio.decide("promote", FIRST).code == 0
    assert trio.changes() == OLD


@pytest.mark.long
def test_what_waits_is_decided_one_by_one(trio: Trio) -> None:
    first = trio.decide("promote", "churn", "--comment", "fine", by="bob")
    assert (first.code, "the run has no evidence, as an earlier version left it" in first.err) == (0, True), first.err
    assert trio.decide("reject", "price", "--comment", "too dear", by="bob").code == 0
    assert trio.changes() == [*OLD, ("trio-churn/2", "Approved", "bob"), ("trio-price/2", "Rejected", "bob")]
    assert trio.statuses() == {"churn": "Approved", "price": "Rejected", "segments": "PendingManualApproval"}
    assert trio.decide("promote", "churn").code == 0
    assert trio.decide("rollback", "churn", "--comment", "complaints").code == 0
    assert trio.decide("promote", NEWEST).code == 0  # what waits of that run
    assert trio.changes()[5:] == [("trio-churn/2", "Rejected", "ada"), ("trio-segments/2", "Approved", "ada")]


@pytest.mark.long
def test_three_models_are_trained_on_with_what_it_left(trio: Trio) -> None:
    ended = trio.decide("up", "--approve")
    assert ended.code == 0, ended.err
    assert set(trio.statuses().values()) == {"Approved"}


# --- what looks at all runs


def test_the_console_knows_models_of_runs_that_nobody_kept_a_record_of(trio: Trio) -> None:
    console = client_of(looks_of(trio))
    models = {row["group"]: (row["champion"], row["waits"]) for row in console.json("/models.json")["rows"]}
    assert models == {f"trio-{name}": (1, [2]) for name in ("churn", "price", "segments")}
    runs = {run["id"]: (run["word"], len(run["models"]), run["kept"]) for run in console.json("/runs.json")["rows"]}
    assert runs == {NEWEST: ("Succeeded", 3, False), FIRST: ("Promoted", 3, False)}
    said = console.text(f"/runs/trio/{NEWEST}")
    assert ("Not judged" in said, "Blocked" in said, "Approved" in said) == (True, False, False)
    assert console.bugs == []
