"""Continuous outputs: what is there while a job runs, after it failed, and after the engine was killed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.jobs.mirrors import Mirror, Mirrors
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import definition, run, script, target


def keeping(name: str, command: str, mode: str, uri: str = "s3://local/kept") -> dict[str, Any]:
    step = script(name, command)
    output = step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    output |= {"S3UploadMode": mode, "S3Uri": uri}
    return step


@pytest.mark.parametrize(("mode", "there"), [("Continuous", True), ("EndOfJob", False)])
def test_what_a_failed_job_has_written(tmp_path: Path, mode: str, there: bool) -> None:
    local = target(tmp_path)
    command = "mkdir /opt/ml/processing/output/a; echo 1 > /opt/ml/processing/output/a/b; exit 1"
    _, ended, _ = run(local, definition(keeping("S", command, mode)))
    assert ended.status is ExecutionStatus.FAILED
    assert bool(local.store.missing(["s3://local/kept/a/b"])) is not there


@pytest.mark.long
def test_it_is_there_while_the_job_runs(tmp_path: Path) -> None:
    local = target(tmp_path)
    command = "cd /opt/ml/processing/output; echo 1 > a; while [ ! -f /opt/ml/go ]; do sleep 0.05; done; echo 2 > b"
    runs = threading.Thread(target=run, args=(local, definition(keeping("S", command, "Continuous"))))
    runs.start()
    until = time.monotonic() + 20
    while local.store.missing(["s3://local/kept/a"]) and time.monotonic() < until:
        time.sleep(0.05)
    assert local.store.missing(["s3://local/kept/a", "s3://local/kept/b"]) == ("s3://local/kept/b",)
    next((tmp_path / "state" / "jobs").glob("*/S/ml")).joinpath("go").touch()
    runs.join()
    assert local.store.get("s3://local/kept/b") == b"2\n"


def kept(folder: Path, *mirrors: Mirror) -> tuple[Mirrors, LocalStore, list[str]]:
    (folder / "ml" / "out").mkdir(parents=True)
    store, said = LocalStore(folder / "store", {}, State(folder / "state.db")), list[str]()
    return Mirrors(Outputs(folder=folder, store=store, observe=said.append), mirrors), store, said


def test_only_what_has_changed_is_written_again(tmp_path: Path) -> None:
    mirrors, store, _ = kept(tmp_path, Mirror("/opt/ml/out", "s3://b/k"))
    (tmp_path / "ml" / "out" / "a").write_text("1")
    mirrors.finish()
    (stored,) = (path for path in (tmp_path / "store").rglob("a") if path.is_file())
    first = stored.stat()
    mirrors.finish()
    assert stored.stat() == first
    (tmp_path / "ml" / "out" / "a").write_text("2")
    mirrors.finish()
    assert store.get("s3://b/k/a") == b"2"


@pytest.mark.parametrize("deletes", [True, False])
def test_what_is_deleted(tmp_path: Path, deletes: bool) -> None:
    mirrors, store, _ = kept(tmp_path, Mirror("/opt/ml/out", "s3://b/k", deletes=deletes))
    (tmp_path / "ml" / "out" / "a").write_text("1")
    mirrors.finish()
    (tmp_path / "ml" / "out" / "a").unlink()
    mirrors.finish()
    assert bool(store.missing(["s3://b/k/a"])) is deletes


def test_a_folder_that_has_become_a_link_is_not_followed_and_deletes_nothing(tmp_path: Path) -> None:
    mirrors, store, said = kept(tmp_path, Mirror("/opt/ml/out", "s3://b/k", deletes=True))
    out, outside = tmp_path / "ml" / "out", tmp_path / "outside"
    (out / "a").write_text("1")
    mirrors.finish()
    (out / "a").unlink()
    out.rmdir()
    outside.mkdir()
    (outside / "secret").write_text("s")
    out.symlink_to(outside)
    with pytest.raises(InputProblems, match="PB550"):
        mirrors.finish()
    mirrors.save()
    assert (store.missing(["s3://b/k/secret", "s3://b/k/a"]), len(said)) == (("s3://b/k/secret",), 1)
