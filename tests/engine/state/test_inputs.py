"""What an input brings into a job on the local engine: every object that begins with its address, each as a file."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.state.inputs import name_below
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import MANIFEST
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import CACHED, definition, run, script, target

DAYS = tuple(f"churn/day-{day}/part-0.csv" for day in range(3))
NAMES = tuple(f"day-{day}/part-0.csv" for day in range(3))


def store_of(tmp_path: Path, *keys: str, **mounts: Path) -> LocalStore:
    """Return a store whose bucket `b` has objects with these keys, each with its key as its content."""
    store = LocalStore(tmp_path / "store", mounts, State(tmp_path / "state.db"))
    for key in keys:
        store.put(f"s3://b/{key}", key.encode())
    return store


def files(folder: Path, *keys: str) -> Path:
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(key)
    return folder


def arrived(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("mounted", [False, True], ids=["own", "mounted"])
@pytest.mark.parametrize(
    ("prefix", "keys", "names"),
    [
        ("churn/day-", DAYS, NAMES),
        ("churn/d", DAYS, NAMES),
        ("churn/", DAYS, NAMES),
        ("churn", DAYS, NAMES),
        ("ch", DAYS, DAYS),
        ("", DAYS, DAYS),
        ("churn/day-1", DAYS, ["part-0.csv"]),
        ("churn/day-1/", DAYS, ["part-0.csv"]),
        ("churn/day-1/part", DAYS, ["part-0.csv"]),
        ("x/batch", ["x/batch/a", "x/batch_ids/a"], ["a", "batch_ids/a"]),
        ("x/batch/", ["x/batch/a", "x/batch_ids/a"], ["a"]),
        ("x/data.csv", ["x/data.csv", "x/data.csv.bak", "x/data.csv.d/old"], ["data.csv", "data.csv.bak", "data.csv.d/old"]),
        ("data.csv", ["data.csv", "other.csv"], ["data.csv"]),
        ("2025", ["2025/a", "2025-01/a", "2025-01/b/a"], ["a", "2025-01/a", "2025-01/b/a"]),
    ],
)  # fmt: skip
def test_all_objects_that_begin_with_a_prefix_keep_their_folders(
    tmp_path: Path, prefix: str, keys: list[str], names: list[str], mounted: bool
) -> None:
    own, mounts = ((), {"b": files(tmp_path / "data", *keys)}) if mounted else (keys, {})
    store = store_of(tmp_path, *own, **mounts)
    store.download(f"s3://b/{prefix}", tmp_path / "in")
    assert sorted(arrived(tmp_path / "in")) == sorted(names)
    assert sorted(arrived(tmp_path / "in").values()) == sorted(key for key in keys if key.startswith(prefix))


def test_own_objects_and_those_of_several_mounted_folders_are_one_listing(tmp_path: Path) -> None:
    mounts = {
        "b": files(tmp_path / "all", "churn/day-1/x", "churn/day-3/x", "other/x"),
        "b/churn/day-2": files(tmp_path / "second", "x"),
        "b/churn/night": files(tmp_path / "night", "x"),
    }
    store = LocalStore(tmp_path / "store", mounts, State(tmp_path / "state.db"))
    store.put("s3://b/churn/day-1/x", b"own")
    store.download("s3://b/churn/day-", tmp_path / "in")
    assert arrived(tmp_path / "in") == {"day-1/x": "own", "day-2/x": "x", "day-3/x": "churn/day-3/x"}


def test_links_are_followed_where_they_were(tmp_path: Path) -> None:
    data = files(tmp_path / "data", "real/day-0/x")
    files(tmp_path / "outside", "secret")
    (data / "day-9").symlink_to(data / "real" / "day-0")
    (data / "leaving").symlink_to(tmp_path / "outside")
    store = store_of(tmp_path, b=data)
    (data / "real" / "self").symlink_to(data)
    assert [name for name, _ in store.objects("s3://b/day-9")] == ["x"]
    assert store.objects("s3://b/leaving") == []
    assert store.objects("s3://b/leav") == []


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("day-", ["day-0/x", "day-1/x", "day-2/x"]),
        ("day-1", ["x"]),
        ("day-2/", ["x"]),
        ("", ["day-0/x", "day-1/x", "day-2/x", "deep/day/x", "real/x"]),
        ("de", ["deep/day/x"]),
    ],
)
def test_a_linked_folder_is_in_the_listing_as_under_its_own_address(
    tmp_path: Path, prefix: str, names: list[str]
) -> None:
    data = files(tmp_path / "data", "day-0/x", "real/x")
    (data / "deep").mkdir()
    for link in ("day-1", "day-2", "deep/day"):
        (data / link).symlink_to(data / "real")
    store = store_of(tmp_path, b=data)
    assert [name for name, _ in store.objects(f"s3://b/{prefix}")] == names
    assert all(store.find(f"s3://b/{key}") for key, _ in store.keys("b", prefix))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    data = files(tmp_path / "data", "a/x", "b/y")
    for link, to in (("a/b", "b"), ("b/a", "a"), ("a/all", "."), ("b/self", "b")):
        (data / link).symlink_to(data / to)
    found = [name for name, _ in store_of(tmp_path, b=data).objects("s3://b/")]
    assert found == ["a/b/y", "a/x", "b/a/x", "b/y"]


def test_an_object_is_no_folder(tmp_path: Path) -> None:
    store = store_of(tmp_path, "x/data.csv")
    assert store.find("s3://b/x/data.csv/") is None
    with pytest.raises(InputProblems, match="PB520 there is no data at 's3://b/x/data.csv/'"):
        store.download("s3://b/x/data.csv/", tmp_path / "in")


@pytest.mark.parametrize(
    ("prefix", "keys", "both"),
    [
        ("train", ["train/train-old/x", "train-old/x"], ("s3://b/train-old/x", "s3://b/train/train-old/x")),
        ("2", ["2/25/x", "25/x"], ("s3://b/2/25/x", "s3://b/25/x")),
        ("a", ["a/ab", "ab/x"], ("s3://b/a/ab", "s3://b/ab/x")),
    ],
)  # fmt: skip
def test_objects_that_cannot_both_be_files_are_named(
    tmp_path: Path, prefix: str, keys: list[str], both: tuple[str, str]
) -> None:
    store = store_of(tmp_path, *keys)
    with pytest.raises(InputProblems, match="PB528") as error:
        store.download(f"s3://b/{prefix}", tmp_path / "in")
    (problem,) = error.value.problems
    assert all(f"'{uri}'" in problem.message for uri in both)
    assert store.digest(f"s3://b/{prefix}")  # whoever reads it says what is wrong with it


def test_a_file_where_another_object_needs_a_folder(tmp_path: Path) -> None:
    """S3 can have `a` and `a/b`; here the one is in the store, the other in a mounted folder."""
    store = store_of(tmp_path, "x/a", b=files(tmp_path / "data", "x/a/b"))
    with pytest.raises(InputProblems) as error:
        store.download("s3://b/x/", tmp_path / "in")
    assert error.value.problems[0].message == (
        "of the input 's3://b/x/' both 's3://b/x/a' and 's3://b/x/a/b' would have to be at 'a' in the job's folder"
    )


def test_two_inputs_in_one_folder_lose_nothing(tmp_path: Path) -> None:
    store = store_of(tmp_path, "one/x", "one/y", "two/x", "three/y/z")
    store.download("s3://b/one/", tmp_path / "in")
    for uri in ("s3://b/two/", "s3://b/three/"):
        with pytest.raises(InputProblems, match="PB528"):
            store.download(uri, tmp_path / "in")
    assert arrived(tmp_path / "in") == {"x": "one/x", "y": "one/y"}


@pytest.mark.parametrize(
    ("prefix", "names", "found"),
    [
        ("churn/day-", ["0/part-0.csv", "2/part-0.csv"], [NAMES[0], NAMES[2]]),
        ("churn", ["/day-0/part-0.csv", "/day-1/part-0.csv"], [NAMES[0], NAMES[1]]),
        ("churn/", ["day-0/part-0.csv", "day-0/part-0.csv"], [NAMES[0]]),
        ("", ["churn/day-0/part-0.csv"], [DAYS[0]]),
    ],
)
def test_a_manifest_keeps_folders_like_a_prefix(
    tmp_path: Path, prefix: str, names: list[str], found: list[str]
) -> None:
    store = store_of(tmp_path, *DAYS)
    store.put("s3://lists/m", json.dumps([{"prefix": f"s3://b/{prefix}"}, *names]).encode())
    store.download("s3://lists/m", tmp_path / "in", kind=MANIFEST)
    assert sorted(arrived(tmp_path / "in")) == found


def test_a_manifest_names_objects_and_not_all_that_begins_like_them(tmp_path: Path) -> None:
    store = store_of(tmp_path, "x/a.csv", "x/a.csv.bak", "x/day-0/y")
    store.put("s3://lists/m", b'[{"prefix": "s3://b/x/"}, "a.csv"]')
    store.download("s3://lists/m", tmp_path / "in", kind=MANIFEST)
    assert list(arrived(tmp_path / "in")) == ["a.csv"]
    store.put("s3://lists/m", b'[{"prefix": "s3://b/x/"}, "day-"]')
    with pytest.raises(
        InputProblems, match="PB520 the manifest 's3://lists/m' names what isn't there: 's3://b/x/day-'"
    ):
        store.download("s3://lists/m", tmp_path / "in", kind=MANIFEST)


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [("", "a/b", "a/b"), ("a", "a", "a"), ("x/a", "x/a", "a"), ("x/a/", "x/a/b", "b"), ("x/a", "x/ab/c", "ab/c")],
)
def test_name_below(prefix: str, key: str, name: str) -> None:
    assert name_below(prefix, key) == name


LIST = "find . -type f | sort | tr '\\n' ' '"


def source(uri: Any, kind: str = "S3Prefix") -> dict[str, Any]:
    return {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}


def training(uri: Any, command: str, **more: Any) -> dict[str, Any]:
    """Return a Training step with one channel, whose model is what the command writes to its standard output."""
    command = f"cd /opt/ml/input/data/train && ({command}) > /opt/ml/model/found"
    algorithm = {
        "TrainingImage": "image:1", "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", command],
    }  # fmt: skip
    request = {
        "AlgorithmSpecification": algorithm,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source(uri)}}],
        "OutputDataConfig": {"S3OutputPath": "s3://local/models"},
    }
    return {"Name": "t", "Type": "Training", "Arguments": request, **more}


def test_a_training_sees_every_row(tmp_path: Path) -> None:
    """Before, one of three files of the same name was left, and the model was approved."""
    local = target(tmp_path, b=files(tmp_path / "data", *DAYS))
    check = f"[ \"$({LIST})\" = '{' '.join(f'./{name}' for name in NAMES)} ' ]"
    _, ended, steps = run(local, definition(training("s3://b/churn/day-", check)))
    assert ended.status is ExecutionStatus.SUCCEEDED, steps["t"].failure_reason


INFERENCE = """
def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return body

def predict_fn(data, model):
    return data

def output_fn(prediction, accept):
    return prediction.upper()
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "uri", "outputs"),
    [
        ("S3Prefix", "s3://b/churn/day-", NAMES),
        ("S3Prefix", "s3://b/churn/day-1", ["part-0.csv"]),
        (MANIFEST, "s3://lists/m", [NAMES[0], NAMES[2]]),
    ],
)
def test_a_transform_answers_for_each_object_in_its_folder(
    tmp_path: Path, kind: str, uri: str, outputs: list[str]
) -> None:
    local = target(tmp_path, b=files(tmp_path / "data", *DAYS))
    (tmp_path / "inference.py").write_text(INFERENCE)
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "inference.py", "code/inference.py")
    local.store.put("s3://local/model.tar.gz", tmp_path / "model.tar.gz")
    local.store.put("s3://lists/m", b'[{"prefix": "s3://b/churn/day-"}, "0/part-0.csv", "2/part-0.csv"]')
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": "image:1", "ModelDataUrl": "s3://local/model.tar.gz", "Environment": environment}
    request = {
        "ModelName": {"Get": "Steps.m.ModelName"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}},
            "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": "s3://local/answers", "Accept": "text/csv"},
    }
    model = {"Name": "m", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    _, ended, steps = run(local, definition(model, {"Name": "t", "Type": "Transform", "Arguments": request}))
    assert ended.status is ExecutionStatus.SUCCEEDED, steps["t"].failure_reason
    answers = tmp_path / "state" / "store" / "local" / "answers"
    assert list(arrived(answers)) == [f"{name}.out" for name in outputs]
    assert all(answer.startswith("CHURN/DAY-") for answer in arrived(answers).values())


def test_a_step_whose_objects_cannot_all_be_files_fails(tmp_path: Path) -> None:
    local = target(tmp_path, b=files(tmp_path / "data", "2/25/x", "25/x"))
    _, ended, steps = run(local, definition(training("s3://b/2", "true")))
    assert ended.status is ExecutionStatus.FAILED
    assert steps["t"].failure_reason.startswith("PB528 of the input 's3://b/2' both 's3://b/")


@pytest.mark.long
def test_a_processing_step_reads_what_another_wrote_and_not_its_siblings(tmp_path: Path) -> None:
    local = target(tmp_path)
    write = "cd /opt/ml/processing/output && echo 1 > batch/x && echo 2 > batch_ids/x"
    first = script("a", write)
    (output,) = first["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    base = output["S3Output"]["S3Uri"]["Std:Join"]["Values"]
    first["Arguments"]["ProcessingOutputConfig"]["Outputs"] = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": {"Std:Join": {"On": "/", "Values": [*base, name]}},
                "LocalPath": f"/opt/ml/processing/output/{name}",
                "S3UploadMode": "EndOfJob",
            },
        }
        for name in ("batch", "batch_ids")
    ]
    batch = {"Get": "Steps.a.ProcessingOutputConfig.Outputs['batch'].S3Output.S3Uri"}
    read = f"cd /opt/ml/processing/input/d && {LIST} > /opt/ml/processing/output/found"
    closed = {"Std:Join": {"On": "", "Values": [batch, "/"]}}
    _, ended, steps = run(
        local,
        definition(first, script("open", read, inputs={"d": batch}), script("closed", read, inputs={"d": closed})),
    )
    assert ended.status is ExecutionStatus.SUCCEEDED, steps
    found = {name: local.store.get(f"s3://local/out/{ended.id}/{name}/found") for name in ("open", "closed")}
    assert found == {"open": b"./batch_ids/x ./x ", "closed": b"./x "}


@pytest.mark.long
def test_a_sibling_of_what_a_cached_step_reads_or_wrote(tmp_path: Path) -> None:
    data = files(tmp_path / "data", "in", "in-2/x")
    local = target(tmp_path, b=data)
    open_, closed = (script(name, "echo 1 > /opt/ml/processing/output/y", inputs={"d": uri}, **CACHED)
                     for name, uri in (("open", "s3://b/in"), ("closed", "s3://b/in-2/")))  # fmt: skip
    content = definition(open_, closed)
    _, first, _ = run(local, content)
    files(data, "in-1/x", "in-2x/x")
    local.store.put(f"s3://local/out/{first.id}/closed-too/y", b"another's")
    (begun, _, steps) = run(local, content)
    assert begun.origin == "started"
    assert (steps["open"].cache_hit, steps["closed"].cache_hit) == ("", first.arn)


def test_the_fingerprint_of_data_covers_all_that_begins_with_its_address(tmp_path: Path) -> None:
    store = store_of(tmp_path, "day-0/x")
    before = store.data_fingerprint(["s3://b/day-"])
    store.put("s3://b/day-1/x", b"new")
    assert store.data_fingerprint(["s3://b/day-"]) != before
