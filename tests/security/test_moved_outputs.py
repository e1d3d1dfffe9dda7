"""Outputs that are moved, not copied, into the store: only where nobody could change them there afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.state.digests import unchanged
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.tree import Survey, Tree, move, opened, survey
from tests.engine.definitions import definition, run, script, target


def _store(folder: Path) -> tuple[LocalStore, State]:
    state = State(folder / "state.db")
    return LocalStore(folder / "store", {}, state), state


def test_a_file_is_moved_and_its_digest_known(tmp_path: Path) -> None:
    store, state = _store(tmp_path)
    (tmp_path / "job" / "a").mkdir(parents=True)
    path = tmp_path / "job" / "a" / "x"
    path.write_bytes(b"content")
    path.chmod(0o777)
    number = path.stat().st_ino
    tree = Tree(root=tmp_path / "job")
    store.upload(tree, survey(tree), "s3://b/out", last=True)
    moved = store.find("s3://b/out/a/x")
    assert moved is not None
    found = moved.stat()
    assert (found.st_ino, found.st_mode & 0o777, path.exists()) == (number, 0o644, False)
    assert state.known_digest(str(moved), unchanged(found)) == hashlib.sha256(b"content").hexdigest()
    assert not list((tmp_path / "store" / ".staging").iterdir())


def test_a_file_with_another_name_is_copied(tmp_path: Path) -> None:
    """Such as one in a folder that the next job may write to as well."""
    store, _ = _store(tmp_path)
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "x").write_bytes(b"content")
    os.link(tmp_path / "job" / "x", tmp_path / "kept")
    tree = Tree(root=tmp_path / "job")
    store.upload(tree, survey(tree), "s3://b/out", last=True)
    (tmp_path / "kept").write_bytes(b"changed")
    assert store.get("s3://b/out/x") == b"content"


def test_without_the_last_word_a_file_stays_where_it_is(tmp_path: Path) -> None:
    store, _ = _store(tmp_path)
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "x").write_bytes(b"content")
    tree = Tree(root=tmp_path / "job")
    store.upload(tree, survey(tree), "s3://b/out")
    assert (tmp_path / "job" / "x").read_bytes() == store.get("s3://b/out/x") == b"content"


def test_what_takes_the_place_of_a_file_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "x").write_bytes(b"content")
    (tmp_path / "y").write_bytes(b"another")
    tree = Tree(root=tmp_path / "job")
    with opened(tree, "x") as file:
        (tmp_path / "y").replace(tmp_path / "job" / "x")
        with pytest.raises(InputProblems, match="PB551"):
            move(tree, "x", file, tmp_path / "z")


@pytest.mark.parametrize("name", ["link", "link/x"])
def test_nothing_is_moved_from_elsewhere(tmp_path: Path, name: str) -> None:
    store, _ = _store(tmp_path)
    (tmp_path / "job").mkdir()
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "x").write_bytes(b"secret")
    (tmp_path / "job" / "link").symlink_to(tmp_path / "else")
    with pytest.raises(InputProblems, match="PB551"):
        store.upload(Tree(root=tmp_path / "job"), Survey(files=[name]), "s3://b/out", last=True)
    assert (tmp_path / "else" / "x").exists()


def test_outputs_that_lie_in_each_other_are_all_there(tmp_path: Path) -> None:
    """And what is written into one of them reaches the next step whole."""
    step = script("a", "mkdir -p /opt/ml/processing/output/in && echo 1 > /opt/ml/processing/output/in/x")
    outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    inner = {"S3Uri": "s3://local/inner", "LocalPath": "/opt/ml/processing/output/in", "S3UploadMode": "EndOfJob"}
    outputs.append({"OutputName": "inner", "S3Output": inner})
    local = target(tmp_path)
    _, ended, steps = run(local, definition(step))
    assert ended.status.value == "Succeeded", steps["a"].failure_reason
    assert local.store.get("s3://local/inner/x") == b"1\n"
    assert local.store.get(f"s3://local/out/{ended.id}/a/in/x") == b"1\n"


@pytest.mark.long
@pytest.mark.skipif(not private_mounts_available(), reason="jobs are not isolated here")
def test_a_program_that_stays_behind_changes_nothing_of_what_was_moved(tmp_path: Path) -> None:
    stays = "(exec 3>>/opt/ml/processing/output/x; setsid sh -c 'while :; do echo more >&3; done') & "
    local = target(tmp_path)
    _, ended, steps = run(local, definition(script("a", f"{stays} echo 1 > /opt/ml/processing/output/x; sleep 0.1")))
    assert ended.status.value == "Succeeded", steps["a"].failure_reason
    store = local.store
    assert isinstance(store, LocalStore)
    path = store.find(f"s3://local/out/{ended.id}/a/x")
    assert path is not None
    before = (unchanged(path.stat()), store.digest(f"s3://local/out/{ended.id}/a/x"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() in str(store.look(f"s3://local/out/{ended.id}/a/x"))
    assert before == (unchanged(path.stat()), store.digest(f"s3://local/out/{ended.id}/a/x"))
