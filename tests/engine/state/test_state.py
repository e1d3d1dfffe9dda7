"""The local target's state file, as versions of this program have written it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.engine.local import put_version
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.tables import MIGRATIONS
from pipeline_builder.errors import OutsideFailure

OLD = "arn:aws:sagemaker:local:000000000000"
NEW = "arn:aws:sagemaker:localhost:000000000000"
TIME = "2026-01-01T00:00:00+00:00"


def test_a_state_of_an_older_format_is_brought_up_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    db = sqlite3.connect(path, isolation_level=None)
    for statement in MIGRATIONS[0]:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    run = f"{OLD}:pipeline/p/execution/abc"
    db.execute("INSERT INTO pipelines VALUES ('p', ?)", (TIME,))
    db.execute("INSERT INTO versions VALUES ('p', 1, '', '{}', ?)", (TIME,))
    db.execute(
        "INSERT INTO executions (arn, pipeline, version, status, definition_sha256, parameters, fingerprint, started) "
        "VALUES (?, 'p', 1, 'Succeeded', '', '{}', '', ?)",
        (run, TIME),
    )
    db.execute("INSERT INTO steps (execution, name, type, status) VALUES (?, 'A', 'Processing', 'Succeeded')", (run,))
    db.execute("INSERT INTO package_groups VALUES ('g', '', ?)", (TIME,))
    db.execute(
        "INSERT INTO packages VALUES (?, 'g', 1, 'Approved', '', '{}', '{}', ?, 'A', ?)",
        (f"{OLD}:model-package/g/1", run, TIME),
    )
    db.execute(
        "INSERT INTO approvals VALUES (1, ?, 'PendingManualApproval', 'Approved', '', '', ?)",
        (f"{OLD}:model-package/g/1", TIME),
    )
    db.close()
    state = State(path)
    (execution,) = state.executions()
    assert execution.arn == f"{NEW}:pipeline/p/execution/abc"
    assert state.steps(execution.arn).keys() == {"A"}
    assert [row["package"] for row in state.query("SELECT package FROM approvals")] == [f"{NEW}:model-package/g/1"]
    assert [row["execution"] for row in state.query("SELECT execution FROM packages")] == [execution.arn]


_FULL = """\
import resource, sys
from pathlib import Path
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import OutsideFailure

state = State(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    state.remember_digests(*((f"{'p' * 200}{number}", "stamp", "digest") for number in range(1000)))
except OutsideFailure as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
state.remember_digests(("path", "stamp", "digest"))
assert state.known_digest("path", "stamp")
"""


def test_a_full_disk_is_no_bug_and_the_state_goes_on_after_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "state.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"PB532 the state '{tmp_path}/state.db' cannot be used: ")


def test_an_older_copy_that_takes_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    """As somebody does who brings a backup back while a command is at work: that ends with a problem, and no bug."""
    path, older = tmp_path / "state.db", tmp_path / "older"
    state = State(path)
    run = f"{NEW}:pipeline/p/execution/abc"
    with state.transaction() as db:
        put_version(db, "p", b"{}")
    shutil.copy(path, older)
    for beside in tmp_path.glob("state.db-*"):  # what isn't in the file yet
        shutil.copy(beside, tmp_path / beside.name.replace("state.db", "older"))
    with state.transaction() as db:
        db.execute(
            "INSERT INTO executions (arn, pipeline, version, status, definition_sha256, parameters, fingerprint, started)"
            " VALUES (?, 'p', 1, 'Executing', '', '{}', '', ?)",
            (run, TIME),
        )
    assert (state.status(run).value, state.uses_cache(run), state.details(run)) == ("Executing", True, {})
    for name in ("", "-wal", "-shm"):
        beside = tmp_path / f"older{name}"
        beside.replace(tmp_path / f"state.db{name}") if beside.exists() else None
    for ask in (state.status, state.uses_cache, state.details):
        with pytest.raises(OutsideFailure, match="PB673 .* knows nothing of the execution 'abc'"):
            ask(run)
