"""Logs of a workspace that was moved are found where they are now, whatever the folders above are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.engine.state.moved import log_here
from tests.engine.definitions import definition, run, script, target

LOG = "jobs/e1/jobs/log.txt"


@pytest.mark.parametrize("before", ["/old/state", "/jobs/state", "/old/jobs/e1/state"])
def test_a_log_is_where_the_folder_of_the_jobs_is_now(tmp_path: Path, before: str) -> None:
    assert log_here(f"{before}/{LOG}", tmp_path) == f"{before}/{LOG}"  # it isn't here either
    (tmp_path / LOG).parent.mkdir(parents=True)
    (tmp_path / LOG).touch()
    assert log_here(f"{before}/{LOG}", tmp_path) == str(tmp_path / LOG)
    assert log_here(str(tmp_path / LOG), tmp_path) == str(tmp_path / LOG)
    assert log_here("", tmp_path) == ""


@pytest.mark.long
def test_a_moved_workspace_has_its_logs(tmp_path: Path) -> None:
    _, done, _ = run(target(tmp_path / "here"), definition(script("a", "echo hello")))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = target(tmp_path / "there").pipelines
    assert moved.read_log(done.arn, "a", whole=True) == "hello\n"
    assert moved.read_log_part(done.arn, "a").text == "hello\n"
    job = moved.describe_job(done.arn, "a")
    assert job is not None
