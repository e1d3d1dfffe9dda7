"""Data that a job finds without a copy: what it may do to them, who else may, and where they are copied all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.target import Target
from tests.engine.definitions import CACHED, definition, run, script, training
from tests.engine.definitions import target as open_target

CHANNEL = "/opt/ml/input/data/train"
LARGE = 25_000_000
WITHIN = {"limits": JobLimits(disk=20_000_000)}


@pytest.fixture(autouse=True)
def _with_overlays(tmp_path: Path) -> None:
    if not find_isolation(tmp_path).overlay:
        pytest.skip("no overlays can be mounted here")


def channel(mode: str = "File", uri: str = "s3://b/data/") -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": "train", "InputMode": mode, "DataSource": source}]}


def written(folder: Path, **files: str) -> Path:
    (folder / "deep").mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("_", "/")).write_text(content)
    return folder


def stored(folder: Path, **files: str) -> Path:
    """Write objects into the store of `folder/state`, below s3://b/data/."""
    return written(folder / "state" / "store" / "b" / "data", **files)


def ended(local: Target, step: dict[str, Any]) -> tuple[bool, str, str]:
    """Run the step; return whether it succeeded, why not, and its log."""
    _, execution, steps = run(local, definition(step), rerun=True)
    log = local.pipelines.read_log(execution.arn, "a")
    return execution.status is ExecutionStatus.SUCCEEDED, steps["a"].failure_reason or "", log


@pytest.mark.long
def test_a_job_changes_what_it_finds_and_nobody_else_sees_that(tmp_path: Path) -> None:
    data = stored(tmp_path, a="1", b="2", deep_c="3")
    command = (
        f"cd {CHANNEL} && echo 9 >> a && rm b && mkdir d && echo 4 > d/new && mv deep moved && find . -type f | sort"
    )
    step = training("a", f"{command} && cat a", **channel())
    for _ in range(2):  # nothing of the first is left for the second
        assert ended(open_target(tmp_path), step) == (True, "", "./a\n./d/new\n./moved/c\n19\n")
    assert {path.name: path.read_text() for path in data.rglob("*") if path.is_file()} == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.long
@pytest.mark.parametrize("step", [
    training("a", f"test -s {CHANNEL}/large && sleep 1.3", **channel()),
    script("a", "test -s /opt/ml/processing/input/x/large && sleep 1.3", inputs={"x": "s3://b/data/"}),
], ids=["training", "processing"])  # fmt: skip
def test_data_of_the_store_are_not_copied(tmp_path: Path, step: dict[str, Any]) -> None:
    """They take no room of the job's, which has less than that."""
    stored(tmp_path, large="x" * LARGE)
    assert ended(open_target(tmp_path, settings=WITHIN), step) == (True, "", "")


@pytest.mark.long
def test_what_a_job_changes_of_its_data_is_counted(tmp_path: Path) -> None:
    stored(tmp_path, a="1")
    more = f"for n in 1 2 3; do head -c 8000000 /dev/zero > {CHANNEL}/$n; done"
    step = training("a", f"{more}; sleep 5", **channel())
    succeeded, why, _ = ended(open_target(tmp_path, settings=WITHIN), step)
    assert not succeeded
    assert "disk" in why


def test_people_may_work_on_what_is_mounted_while_a_job_has_it(tmp_path: Path) -> None:
    """It is the user's own folder: a job has a copy of what was there when it began."""
    data = written(tmp_path / "mounted" / "data", a="1")
    gate = tmp_path / "gate"
    command = f"touch {gate}; while test -e {gate}; do sleep 0.01; done; cat {CHANNEL}/a"
    local = open_target(tmp_path, b=data.parent)
    with _changing(gate, data / "a"):
        assert ended(local, training("a", command, **channel())) == (True, "", "1\n")


@pytest.mark.long
@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_what_changes_under_a_job_is_no_result(tmp_path: Path, mode: str) -> None:
    """Also the step cache would take it for what comes of the data that were there when the job began."""
    data = stored(tmp_path, a="1")
    gate = tmp_path / "gate"
    command = f"touch {gate}; while test -e {gate}; do sleep 0.01; done"
    local = open_target(tmp_path)
    content = definition(training("a", command, **channel(mode)) | CACHED)
    with _changing(gate, data / "a"):
        _, _, steps = run(local, content)
    assert "the data at 's3://b/data/' have changed while the job read them" in str(steps["a"].failure_reason)
    open_gate = training("a", "true", **channel(mode)) | CACHED
    assert ended(local, open_gate)[0]


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_what_comes_beside_the_data_and_is_none_of_them_is_no_result_either(tmp_path: Path, mode: str) -> None:
    """The job may have seen it in the folder, where on AWS it finds only what begins like its input."""
    data = stored(tmp_path, train="1")
    gate = tmp_path / "gate"
    command = f"touch {gate}; while test -e {gate}; do sleep 0.01; done; ls {CHANNEL}"
    with _changing(gate, data / "other"):
        succeeded, why, _ = ended(open_target(tmp_path), training("a", command, **channel(mode, "s3://b/data/tr")))
    assert not succeeded
    assert "the data at 's3://b/data/tr' have changed while the job read them" in why


def test_what_is_written_again_as_it_was_has_not_changed(tmp_path: Path) -> None:
    data = stored(tmp_path, a="1")
    gate = tmp_path / "gate"
    command = f"touch {gate}; while test -e {gate}; do sleep 0.01; done"
    with _changing(gate, data / "a", "1"):
        assert ended(open_target(tmp_path), training("a", command, **channel())) == (True, "", "")


def test_an_output_in_the_folder_of_an_input_is_kept(tmp_path: Path) -> None:
    """What a job writes below an overlay is gone with it, so such an input is copied."""
    stored(tmp_path, a="1")
    step = script("a", "echo 2 > /opt/ml/processing/input/x/new", inputs={"x": "s3://b/data/"})
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"] |= {
        "LocalPath": "/opt/ml/processing/input/x", "S3Uri": "s3://b/out",
    }  # fmt: skip
    local = open_target(tmp_path)
    assert ended(local, step) == (True, "", "")
    assert local.store.get("s3://b/out/new") == b"2\n"
    assert local.store.get("s3://b/out/a") == b"1"


def test_an_input_within_another_is_found_there(tmp_path: Path) -> None:
    stored(tmp_path, a="1")
    step = script("a", "cat /opt/ml/processing/input/x/a /opt/ml/processing/input/x/y/a", inputs={
        "x": "s3://b/data/", "x/y": "s3://b/data/"})  # fmt: skip
    assert ended(open_target(tmp_path), step) == (True, "", "11\n")


@contextmanager
def _changing(gate: Path, file: Path, content: str = "2") -> Iterator[None]:
    """Replace a file, as the store does, when the job has opened the gate; and let the job go on then."""

    def change() -> None:
        while not gate.exists():
            time.sleep(0.005)
        new = file.with_name(".new")
        new.write_text(content)
        new.replace(file)
        gate.unlink()

    thread = threading.Thread(target=change)
    thread.start()
    yield
    thread.join()
