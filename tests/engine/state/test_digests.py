"""Digests that are known: few looks into the state for many files, and never what has changed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, OutsideFailure


def _filled(folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / str(number % 3) / f"{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    time.sleep(0.06)  # what has changed just now isn't known for the next time


def _store(folder: Path, state: State) -> LocalStore:
    return LocalStore(folder / "store", {"data": folder / "data"}, state)


def test_many_files_are_looked_up_at_once(tmp_path: Path) -> None:
    _filled(tmp_path / "data", 600)
    state = State(tmp_path / "state.db")
    store = _store(tmp_path, state)
    said: list[str] = []
    with state.transaction() as db:
        db.set_trace_callback(said.append)
    first = store.digest("s3://data/")
    cold = len([line for line in said if not line.startswith("INSERT")])
    assert cold < 20
    said.clear()
    assert store.digest("s3://data/") == first
    assert len(said) == 1, said
    assert _store(tmp_path, State(tmp_path / "fresh.db")).digest("s3://data/") == first


def test_a_file_that_changes_and_hides_it_is_seen(tmp_path: Path) -> None:
    _filled(tmp_path / "data", 6)
    store = _store(tmp_path, State(tmp_path / "state.db"))
    before = store.digest("s3://data/")
    path = tmp_path / "data" / "0" / "3.csv"
    found = path.stat()
    path.write_text("7\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    changed = store.digest("s3://data/")
    assert changed != before
    path.write_text("3\n")
    assert store.digest("s3://data/") == before
    path.rename(path.with_name("9.csv"))
    assert store.digest("s3://data/") not in (before, changed)


def test_what_has_changed_just_now_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    state = State(tmp_path / "state.db")
    store = _store(tmp_path, state)
    (tmp_path / "data" / "a").write_text("1")
    store.digest("s3://data/")
    assert state.query("SELECT * FROM digests") == []
    time.sleep(0.06)
    store.digest("s3://data/")
    assert len(state.query("SELECT * FROM digests")) == 2


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "a" / "b").mkdir(parents=True)
    (tmp_path / "data" / "a" / "b").chmod(0)
    if os.access(tmp_path / "data" / "a" / "b", os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(InputProblems, match=r"a/b.*Permission denied"):
        _store(tmp_path, State(tmp_path / "state.db")).download("s3://data/", tmp_path / "job")


def test_a_state_has_one_connection_that_notices_another_file(tmp_path: Path) -> None:
    state, path = State(tmp_path / "state.db"), tmp_path / "state.db"
    state.remember_digests(("a", "1", "x"))
    with state.transaction() as outer:
        state.remember_digests(("b", "1", "y"))  # a part of it
        with state.transaction() as inner:
            assert inner is outer
        assert state.known_digest("b", "1") == "y"
    other = State(tmp_path / "other.db")
    other.remember_digests(("a", "1", "z"))
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "other.db").replace(path)
    assert state.known_digest("a", "1") == "z"
    path.unlink()
    with pytest.raises(OutsideFailure, match="PB673"):
        state.known_digest("a", "1")


def test_an_exception_undoes_all_of_a_transaction_that_has_another_inside(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")

    def interrupted() -> None:
        with state.transaction():
            state.remember_digests(("a", "1", "x"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert state.known_digest("a", "1") == ""


def test_threads_take_turns(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")

    def write(number: int) -> None:
        for part in range(20):
            state.remember_digests((f"{number}/{part}", "1", "x"))
            assert state.known_digest(f"{number}/{part}", "1") == "x"

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.query("SELECT * FROM digests")) == 80


def test_what_has_to_last_is_synced_and_all_else_is_not(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    for lasting, level in ((True, 2), (False, 1), (True, 2)):
        with state.transaction(lasting=lasting) as db:
            assert db.execute("PRAGMA synchronous").fetchone()[0] == level
            assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
