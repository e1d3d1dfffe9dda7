"""Pipes: an epoch each, closed early, left unread, ended with the job; data that the job can't change."""

from __future__ import annotations

import gzip
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.pipes import Stream, flowing
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.errors import InputProblems
from pipeline_builder.target import Target
from tests.engine.definitions import CACHED, definition, run
from tests.engine.environments import share_environment


def channel(name: str = "train", uri: str = "s3://b/data/", **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def training(command: str, *channels: dict[str, Any], **more: Any) -> dict[str, Any]:
    request = {
        "AlgorithmSpecification": {
            "TrainingImage": "image:1", "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", command],
        },
        "InputDataConfig": list(channels),
        "OutputDataConfig": {"S3OutputPath": "s3://local/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }  # fmt: skip
    return {"Name": "t", "Type": "Training", "Arguments": request, **more}


def opened(folder: Path, sources: Mapping[str, Path] | None = None, **more: Any) -> Target:
    share_environment(folder / "state")
    (folder / "data").mkdir(exist_ok=True)
    settings = LocalSettings(mounts={"b": folder / "data"}, sources=sources or {}, **more)
    return open_local_target(folder / "state", settings)


def stream(folder: Path, *blocks: bytes) -> Stream:
    def content(epoch: int) -> Iterator[bytes]:
        yield from (block % epoch if b"%d" in block else block for block in blocks)

    return Stream(name="train", folder=folder, content=content)


def test_each_epoch_is_a_pipe_that_is_there_before_the_one_before_it_ends(tmp_path: Path) -> None:
    with flowing([stream(tmp_path, b"epoch %d ", b"x" * 300_000)]):
        for epoch in range(3):
            assert (tmp_path / f"train_{epoch}").read_bytes() == b"epoch %d " % epoch + b"x" * 300_000
            assert stat.S_ISFIFO((tmp_path / f"train_{epoch + 1}").stat().st_mode)


def test_a_pipe_that_nobody_reads_or_only_begins_to_read_ends_with_the_job(tmp_path: Path) -> None:
    begun = time.monotonic()
    with flowing([stream(tmp_path, b"x" * 10_000_000)]):
        reader = os.open(tmp_path / "train_0", os.O_RDONLY)
        assert os.read(reader, 10)
    os.close(reader)
    with flowing([stream(tmp_path / "other", b"x")]):
        pass
    assert time.monotonic() - begun < 30
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pipe-")]


def test_what_ends_a_stream_early_is_raised(tmp_path: Path) -> None:
    def content(_: int) -> Iterator[bytes]:
        yield b"1"
        raise OSError(5, "Input/output error")

    given = Stream(name="train", folder=tmp_path, content=content)
    with pytest.raises(OSError, match="Input/output"), flowing([given]):
        assert (tmp_path / "train_0").read_bytes() == b"1"


def test_what_is_not_packed_fails_the_step(tmp_path: Path) -> None:
    local = opened(tmp_path)
    (tmp_path / "data" / "data").mkdir()
    (tmp_path / "data" / "data" / "a").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    step = training(
        "cat /opt/ml/input/data/train_0 > /opt/ml/model/x", channel(InputMode="Pipe", CompressionType="Gzip")
    )
    _, ended, steps = run(local, definition(step))
    assert ended.status is ExecutionStatus.FAILED
    assert "PB563 'a' of the input 'train' can't be given: it can't be unpacked" in steps["t"].failure_reason


def test_a_file_system_and_what_a_query_gives_are_folders(tmp_path: Path) -> None:
    for name in ("efs/train/deep", "queries/customers"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "efs" / "train" / "deep" / "a").write_text("1")
    (tmp_path / "efs" / "other").write_text("2")
    (tmp_path / "queries" / "customers" / "part-0").write_text("3")
    sources = {"filesystem://fs-1": tmp_path / "efs", "athena://AwsDataCatalog/churn": tmp_path / "queries"}
    local = opened(tmp_path, sources)
    system = {"FileSystemId": "fs-1", "FileSystemType": "EFS", "FileSystemAccessMode": "ro", "DirectoryPath": "/train"}
    shared = {"ChannelName": "shared", "DataSource": {"FileSystemDataSource": system}}
    look = "cd /opt/ml/input/data/shared && find . -type f && (touch x 2>&1 || true)"
    query = {"Catalog": "AwsDataCatalog", "Database": "churn", "QueryString": "select 1", "OutputS3Uri": "s3://x/y"}
    data = {"AthenaDatasetDefinition": {**query, "OutputFormat": "PARQUET"}, "LocalPath": "/opt/ml/processing/c"}
    step = {
        "Name": "p",
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": "image:1",
                "ContainerEntrypoint": ["/bin/sh", "-c", "find /opt/ml/processing/c -type f"],
            },
            "ProcessingInputs": [{"InputName": "customers", "DatasetDefinition": data}],
        },
        **CACHED,
    }
    content = definition(training(look, shared, **CACHED), step)
    _, ended, steps = run(local, content)
    assert ended.status is ExecutionStatus.SUCCEEDED, steps
    assert "./deep/a" in local.pipelines.read_log(ended.arn, "t")
    assert "other" not in local.pipelines.read_log(ended.arn, "t")
    assert "Read-only file system" in local.pipelines.read_log(ended.arn, "t")
    assert local.pipelines.read_log(ended.arn, "p") == "/opt/ml/processing/c/part-0\n"
    _, _, steps = run(local, content, again=True)
    assert all(step.cache_hit for step in steps.values())
    (tmp_path / "queries" / "customers" / "part-0").write_text("4")
    _, _, steps = run(local, content, again=True)
    assert {name: bool(step.cache_hit) for name, step in steps.items()} == {"t": True, "p": False}


@pytest.mark.long
def test_a_folder_is_not_copied_for_fast_file(tmp_path: Path) -> None:
    """Data of any size are there at once: the very files, which don't count as the job's own."""
    local = opened(tmp_path, limits=JobLimits(disk=20_000_000))
    data = tmp_path / "data" / "data" / "large"
    data.parent.mkdir()
    data.write_bytes(b"x" * 25_000_000)
    step = training("stat -c %i /opt/ml/input/data/train/large; sleep 1.3", channel(InputMode="FastFile"))
    _, ended, steps = run(local, definition(step))
    assert ended.status is ExecutionStatus.SUCCEEDED, steps["t"].failure_reason
    assert local.pipelines.read_log(ended.arn, "t") == f"{data.stat().st_ino}\n"


def test_what_is_decided_by_a_parameter_is_looked_at_when_it_is_known(tmp_path: Path) -> None:
    local = opened(tmp_path)
    (tmp_path / "data" / "data").mkdir()
    (tmp_path / "data" / "data" / "a").write_text("1")
    mode = {"Name": "mode", "Type": "String", "DefaultValue": "File"}
    step = training(
        "ls /opt/ml/input/data", channel(InputMode={"Get": "Parameters.mode"}, RecordWrapperType="RecordIO")
    )
    content = definition(step, Parameters=[mode])
    with pytest.raises(InputProblems, match="PB560 step 't': the input 'train' has RecordWrapperType 'RecordIO'"):
        run(local, content)
    _, ended, _ = run(local, content, mode="Pipe")
    assert ended.status is ExecutionStatus.SUCCEEDED


def test_the_cache_sees_the_objects_that_an_augmented_manifest_names(tmp_path: Path) -> None:
    local = opened(tmp_path)
    (tmp_path / "data" / "list").write_text('{"source-ref": "s3://b/one"}\n')
    (tmp_path / "data" / "one").write_text("1")
    source = {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/list", "AttributeNames": ["source-ref"]}
    given = {"ChannelName": "train", "InputMode": "Pipe", "DataSource": {"S3DataSource": source}}
    content = definition(training("cat /opt/ml/input/data/train_0", given, **CACHED))
    _, ended, steps = run(local, content)
    assert ended.status is ExecutionStatus.SUCCEEDED, steps["t"].failure_reason
    for text, hit in (("1", True), ("2", False)):
        (tmp_path / "data" / "one").write_text(text)
        (predicted,) = local.pipelines.predict_cache("p", content, {})
        assert predicted.hit is hit
