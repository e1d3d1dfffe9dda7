"""Attacks on the store by addresses, by manifests of files, and by links: reads and writes never leave it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline_builder.descriptions import ExecutionStatus, StepStatus
from pipeline_builder.engine.state.objects import Objects
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import MANIFEST, PLACE
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import definition, run, script, target
from tests.serve.serving import serving

SECRET = b"canary"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


@pytest.fixture
def mounted(tmp_path: Path, outside: Path) -> Path:
    """A folder of `local.s3` whose repository has links in it."""
    folder = tmp_path / "data"
    (folder / "days").mkdir(parents=True)
    (folder / "days" / "1").write_bytes(b"1")
    (folder / "inside").symlink_to("days/1")
    (folder / "again").symlink_to("days")
    _plant(folder, outside)
    return folder


def _plant(folder: Path, outside: Path) -> None:
    (folder / "file").symlink_to(outside / "secret")
    (folder / "climbing").symlink_to(os.path.relpath(outside / "secret", folder))
    (folder / "folder").symlink_to(outside)
    (folder / "root").symlink_to("/")
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("nothing")
    os.mkfifo(folder / "pipe")


@pytest.fixture
def store(tmp_path: Path, mounted: Path, outside: Path) -> LocalStore:
    found = LocalStore(tmp_path / "store", {"data": mounted}, State(tmp_path / "state.db"))
    found.put("s3://own/x", b"x")
    _plant(found.root / "own", outside)
    (found.root / "linked").symlink_to(outside)
    return found


# --- links


@pytest.mark.parametrize("bucket", ["data", "own"])
@pytest.mark.parametrize("key", ["file", "climbing", "folder/secret", "root/etc/passwd", "loop", "nowhere", "pipe"])
def test_what_is_behind_a_link_out_is_no_object(store: LocalStore, tmp_path: Path, bucket: str, key: str) -> None:
    uri = f"s3://{bucket}/{key}"
    assert store.find(uri) is None
    with pytest.raises(KeyError):
        store.get(uri)
    with pytest.raises(KeyError):
        store.fetch(uri, tmp_path / "fetched")
    assert store.digest(uri, kind=PLACE) == ""
    with pytest.raises(InputProblems, match="PB520"):
        store.download(uri, tmp_path / "in")
    with pytest.raises(InputProblems, match="PB520"):
        store.download(f"s3://{bucket}/{key.partition('/')[0]}/", tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_a_bucket_that_is_a_link(store: LocalStore, tmp_path: Path) -> None:
    assert store.find("s3://linked/secret") is None
    assert list(store.keys("linked", "")) == []
    with pytest.raises(InputProblems, match="PB555"):
        store.put("s3://linked/new", b"")
    assert not (tmp_path / "outside" / "new").exists()


@pytest.mark.parametrize("key", ["folder/new", "folder/secret", "root{outside}/new"])
def test_nothing_is_written_through_a_link(store: LocalStore, outside: Path, key: str) -> None:
    uri = f"s3://own/{key.format(outside=outside)}"
    with pytest.raises(InputProblems, match="PB555 's3://own/"):
        store.put(uri, b"changed")
    Objects(store, State(store.root.parent / "state.db")).delete(uri)
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("secret", SECRET)]


def test_a_link_that_is_an_object_is_replaced_and_not_followed(store: LocalStore, outside: Path) -> None:
    with pytest.raises(InputProblems, match="PB555"):
        store.put("s3://own/file", b"changed")
    assert (outside / "secret").read_bytes() == SECRET


@pytest.mark.parametrize("bucket", ["data", "own"])
def test_listings_have_what_stays_and_say_the_rest(store: LocalStore, bucket: str) -> None:
    left_out: list[str] = []
    found = [key for key, _ in store.keys(bucket, "", left_out)]
    assert found == (["again/1", "days/1", "inside"] if bucket == "data" else ["x"])
    said = {Path(line.partition("'")[2].partition("'")[0]).name: line.partition(" (")[2] for line in left_out}
    assert set(said) == {"climbing", "file", "folder", "loop", "nowhere", "pipe", "root"}
    assert said["file"].startswith("a link that leads out of '")
    assert said["pipe"] == "no file)"


def test_what_an_input_leaves_out_is_said(tmp_path: Path, mounted: Path) -> None:
    local = target(tmp_path, data=mounted)
    step = script("a", "find /opt/ml/processing/input -type f | wc -l", inputs={"d": "s3://data/"})
    _, ended, _ = run(local, definition(step))
    assert ended.status is ExecutionStatus.SUCCEEDED
    said, count = local.pipelines.read_log(ended.arn, "a").splitlines()
    assert said.startswith(f"left out of the input 's3://data/': '{mounted}/climbing' (a link that leads out of '")
    assert said.endswith(" and 2 more")
    assert count == "3"


def test_an_input_that_is_a_link_out_says_so(tmp_path: Path, mounted: Path) -> None:
    local = target(tmp_path, data=mounted)
    _, _, steps = run(local, definition(script("a", "true", inputs={"d": "s3://data/file"})))
    assert f"what is there is no object: '{mounted}/file' (a link that leads out of" in steps["a"].failure_reason


def test_serve_gives_nothing_that_is_behind_a_link(tmp_path: Path, outside: Path) -> None:
    with serving(tmp_path) as here:
        here.s3.create_bucket(Bucket="own")
        here.s3.put_object(Bucket="own", Key="x", Body=b"x")
        _plant(tmp_path / "state" / "store" / "own", outside)
        listed = here.s3.list_objects_v2(Bucket="own")
        assert [item["Key"] for item in listed["Contents"]] == ["x"]
        for key in ("file", "climbing", "folder/secret", "root/etc/passwd", "loop", "pipe"):
            with pytest.raises(here.s3.exceptions.NoSuchKey):
                here.s3.get_object(Bucket="own", Key=key)
        with pytest.raises(here.s3.exceptions.ClientError, match="InvalidArgument"):
            here.s3.put_object(Bucket="own", Key="folder/new", Body=b"")
        with pytest.raises(here.s3.exceptions.ClientError, match="NoSuchKey"):
            here.s3.copy_object(Bucket="own", Key="y", CopySource="own/folder/secret")
    assert [path.name for path in outside.iterdir()] == ["secret"]


# --- addresses

ADDRESSES = [
    "s3://own/../state.db", "s3://../own/x", "s3://own/a/../../../x", "s3://own/./x", "s3://own//x", "s3://own/a//b",
    "s3://own/..", "s3://own/.", "s3://./x", "s3://.staging/x", "s3://own\\x/y", "s3://own/..\\x", "s3://own/a\0b",
    "s3://OWN/x", "s3://own%2f..%2f/x", "s3:///own/x", "S3://own/x", "file:///etc/passwd", "/etc/passwd",
    "s3://own/\ud800", "s3://own/" + "x" * 256, "s3://" + "b" * 64 + "/x", "s3://a..b/x", "s3://own\n/x",
]  # fmt: skip


@pytest.mark.parametrize("uri", ADDRESSES)
def test_addresses_that_are_none(tmp_path: Path, uri: str) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    with pytest.raises(InputProblems, match="PB521"):
        store.put(uri, b"")
    with pytest.raises(InputProblems, match="PB521"):
        store.find(uri)
    with pytest.raises(InputProblems, match="PB521"):
        store.download(uri, tmp_path / "in")


@pytest.mark.parametrize("key", ["%2e%2e/x", "%2e%2e%2fx", "..%2fx", "...", "..x", "x..", "~", "~root", "$HOME", "a:b"])
def test_what_only_looks_like_it_leads_out_is_a_key(tmp_path: Path, key: str) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put(f"s3://own/{key}", b"x")
    assert store.find(f"s3://own/{key}") == tmp_path / "store" / "own" / key


# --- manifests of files

NAMES = [
    "/etc/passwd", "//etc/passwd", "../secret", "a/../../secret", "..", ".", "./x", "a//b", "a/./b", "a\\..\\b",
    "a\0b", "a\nb", "\ud800", "s3://own/x", "a/..", "\x1b[2J", "x/" * 3 + "../" * 4,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_a_manifest_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put("s3://own/list", json.dumps([{"prefix": "s3://own/folder/"}, name, "fine"]).encode())
    with pytest.raises(InputProblems) as caught:
        store.download("s3://own/list", tmp_path / "job" / "in", kind=MANIFEST)
    (problem,) = caught.value.problems
    assert problem.id == "PB552"
    assert problem.message.isprintable()
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize(
    "prefix", ["s3://own/../", "s3://own//", "s3:///", "/", "../", "s3://own/a/../../", "file:///"]
)
def test_prefixes_of_a_manifest_that_lead_elsewhere(tmp_path: Path, prefix: str) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put("s3://own/list", json.dumps([{"prefix": prefix}, "etc/passwd"]).encode())
    with pytest.raises(InputProblems, match="PB552|PB521"):
        store.download("s3://own/list", tmp_path / "job" / "in", kind=MANIFEST)
    assert not (tmp_path / "job").exists()


def test_a_manifest_of_many_bad_names_is_said_shortly(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put(
        "s3://own/list", json.dumps([{"prefix": "s3://own/"}, *["../" * 99 + str(n) for n in range(9999)]]).encode()
    )
    with pytest.raises(InputProblems, match=r"and 9,994 more") as caught:
        store.download("s3://own/list", tmp_path / "in", kind=MANIFEST)
    assert len(str(caught.value)) < 2000


def test_a_bad_manifest_fails_the_step(tmp_path: Path) -> None:
    local = target(tmp_path)
    local.store.put("s3://own/list", json.dumps([{"prefix": "s3://own/"}, "/tmp/x"]).encode())
    step = script("a", "true", inputs={"d": "s3://own/list"})
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3DataType"] = MANIFEST
    _, _, steps = run(local, definition(step))
    assert steps["a"].status is StepStatus.FAILED
    assert steps["a"].failure_reason.startswith("PB552 the manifest 's3://own/list' has names that are absolute")


@pytest.mark.parametrize(
    "path", ["/opt/ml/../../etc", "/etc", "opt/ml/x", "/opt/mlx", "/opt/ml/a\0b", "/opt/ml/" + "x" * 300]
)
def test_local_paths_that_are_none_are_refused_before_anything_runs(tmp_path: Path, path: str) -> None:
    local = target(tmp_path)
    local.store.put("s3://own/x", b"x")
    step = script("a", "true", inputs={"d": "s3://own/x"})
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["LocalPath"] = path
    with pytest.raises(InputProblems, match="PB524 step 'a': the path '"):
        run(local, definition(step))
    assert local.pipelines.list_executions("p") == ()
