"""Inputs by a manifest on the local engine: where the files arrive, when the cache answers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import MANIFEST
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import CACHED, definition, run, script, target

URI = "s3://lists/one/manifest.json"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("2025/train.csv", "2026/train.csv", "2026/other.csv"):
        path = tmp_path / "data" / "years" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def listed(*names: object) -> bytes:
    return json.dumps([{"prefix": "s3://bucket/years/"}, *names]).encode()


def reading(command: str, **more: Any) -> dict[str, Any]:
    step = script("a", command, inputs={"d": URI}, **more)
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3DataType"] = MANIFEST
    return step


def test_exactly_the_files_of_the_manifest_arrive_by_their_names(tmp_path: Path, data: Path) -> None:
    local = target(tmp_path, bucket=data)
    local.store.put(URI, listed("2025/train.csv", "2026/train.csv"))
    step = reading("cd /opt/ml/processing/input/d && find . -type f | sort > /opt/ml/processing/output/found")
    _, ended, steps = run(local, definition(step))
    assert ended.status is ExecutionStatus.SUCCEEDED, steps
    assert local.store.get(f"s3://local/out/{ended.id}/a/found") == b"./2025/train.csv\n./2026/train.csv\n"


def test_a_training_channel(tmp_path: Path, data: Path) -> None:
    local = target(tmp_path, bucket=data)
    local.store.put(URI, listed("2025/train.csv", "2026/train.csv"))
    check = "cd /opt/ml/input/data/train && [ $(cat */train.csv) = 2025/train.csv2026/train.csv ]"
    source = {"S3DataType": MANIFEST, "S3Uri": URI, "S3DataDistributionType": "FullyReplicated"}
    request = {
        "AlgorithmSpecification": {
            "TrainingImage": "image:1", "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", check],
        },
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": "s3://local/out"},
    }  # fmt: skip
    _, ended, steps = run(local, definition({"Name": "t", "Type": "Training", "Arguments": request}))
    assert ended.status is ExecutionStatus.SUCCEEDED, steps["t"].failure_reason


@pytest.mark.long
def test_new_data_behind_the_same_manifest_is_seen(tmp_path: Path, data: Path) -> None:
    local = target(tmp_path, bucket=data)
    local.store.put(URI, listed("2025/train.csv"))
    content = definition(reading("true", **CACHED))
    _, first, _ = run(local, content)
    (data / "years" / "2026" / "train.csv").write_text("not in the manifest")
    assert run(local, content)[0].origin == "unchanged"
    assert run(local, content, again=True)[2]["a"].cache_hit == first.arn
    (data / "years" / "2025" / "train.csv").write_text("new")
    (prediction,) = local.pipelines.predict_cache("p", content, {})
    assert (prediction.hit, prediction.reason) == (False, "changed: input 'd'")
    begun, _, steps = run(local, content)
    assert (begun.origin, steps["a"].cache_hit) == ("started", "")


def test_files_that_are_not_there_are_named(tmp_path: Path, data: Path) -> None:
    local = target(tmp_path, bucket=data)
    local.store.put(URI, listed("2025/train.csv", "2024/train.csv"))
    _, _, steps = run(local, definition(reading("true")))
    assert steps["a"].failure_reason.startswith(
        f"PB520 the manifest '{URI}' names what isn't there: 's3://bucket/years/2024/train.csv'\n"
    )
    other = target(tmp_path / "other")
    _, _, steps = run(other, definition(reading("true")))
    assert steps["a"].failure_reason.startswith(f"PB520 there is no data at '{URI}'")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'["a"]', listed(), listed(1), b'[{"prefix": 1}, "a"]', b"[" * 100_000]
)
def test_no_manifest(tmp_path: Path, content: bytes) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put(URI, content)
    with pytest.raises(InputProblems, match="PB527"):
        store.download(URI, tmp_path / "in", kind=MANIFEST)
    assert store.digest(URI, kind=MANIFEST) == ""


@pytest.mark.parametrize("name", ["../../x", "/x", "2025/../../../x"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put(URI, listed(name))
    with pytest.raises(InputProblems, match="PB552"):
        store.download(URI, tmp_path / "in", kind=MANIFEST)


def test_an_augmented_manifest_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    with pytest.raises(InputProblems, match="PB527 the S3DataType 'AugmentedManifestFile'"):
        store.download(URI, tmp_path / "in", kind="AugmentedManifestFile")
