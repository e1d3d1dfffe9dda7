"""Things of any size pass through little memory: each in a process whose addresses end below the size of the thing."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO

import pytest

from pipeline_builder.descriptions import ApprovalStatus, ExecutionStatus, ModelPackage
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.engine.jobs.archives import pack, read_member, unpack
from pipeline_builder.engine.state.digests import unchanged
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.streams import MOST_READ
from pipeline_builder.machine.tree import Tree, survey
from pipeline_builder.release.outcome import read_metrics
from tests.engine.definitions import compare, condition, definition, fail, run, script, target
from tests.engine.environments import share_environment
from tests.machine.hungry import KINDS, SIZE, large
from tests.places import ROOT
from tests.tiny import variant
from tests.workspaces import make_workspace

LIMIT = 'ulimit -v "$1" && shift && exec "$@"'


def limited(addresses: int, *command: str) -> list[str]:
    """Return the command that runs another, and all that this starts, with so many bytes of addresses each."""
    return ["sh", "-c", LIMIT, "sh", str(addresses >> 10), *command]


def packed(folder: Path, file: IO[bytes]) -> None:
    tree = Tree(root=folder)
    pack(tree, survey(tree), file)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_large_things_pass_through_little_memory(tmp_path: Path, kind: str) -> None:
    # In this one client and server are threads of one process, which have their stacks.
    addresses = SIZE + (70 << 20) if kind == "served" else SIZE - (10 << 20)
    share_environment(tmp_path / "state")  # uv needs more than that
    done = subprocess.run(
        limited(addresses, sys.executable, "-m", "tests.machine.hungry", kind, str(tmp_path)),
        cwd=ROOT,
        env={"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_a_large_model_is_trained_repacked_and_promoted_in_little_memory(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=variant(('ModelRepack: "False"', 'ModelRepack: "True"')))
    train = 'import os\nopen(os.environ["SM_MODEL_DIR"] + "/mean.txt", "w").write("2")\n'
    train += 'os.truncate(os.open(os.environ["SM_MODEL_DIR"] + "/weights", os.O_CREAT | os.O_RDWR), 420 << 20)\n'
    workspace.push("scripts/train.py", train)
    ended = subprocess.run(
        limited(400 << 20, *workspace.command("up", "--approve")),
        cwd=workspace.root,
        env=workspace.environment(MALLOC_ARENA_MAX="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert "churn-Train-Repack" in ended.stderr


# --- what is read as a whole is small, or said to be too large


def test_an_object_that_is_read_as_a_whole_has_a_limit(tmp_path: Path) -> None:
    local = target(tmp_path, b=tmp_path / "b")
    large(tmp_path / "b" / "report.json", MOST_READ)
    assert len(local.store.get("s3://b/report.json")) == MOST_READ
    large(tmp_path / "b" / "report.json", MOST_READ + 1)
    with pytest.raises(InputProblems, match=r"PB529 's3://b/report.json' is too large .*: it has more than 8 MB"):
        local.store.get("s3://b/report.json")
    package = ModelPackage(
        arn="a", group="g", version=1, status=ApprovalStatus.PENDING, metrics_uri="s3://b/report.json"
    )
    with pytest.raises(InputProblems, match="PB529"):
        read_metrics(package, local)


def test_a_step_that_reads_too_large_a_file_says_so(tmp_path: Path) -> None:
    local = target(tmp_path, b=tmp_path / "b")
    large(tmp_path / "b" / "flag.json", MOST_READ + 1)
    go = {"Std:JsonGet": {"S3Uri": "s3://b/flag.json", "Path": "go"}}
    _, ended, steps = run(local, definition(condition("c", compare("Equals", go, "x"), then=[fail("f")])))
    assert ended.status is ExecutionStatus.FAILED
    assert "'s3://b/flag.json' is too large" in steps["c"].failure_reason


def test_a_manifest_that_is_data_is_refused(tmp_path: Path) -> None:
    local = target(tmp_path, b=tmp_path / "b")
    large(tmp_path / "b" / "data.csv", 100 << 20)
    step = script("a", "true", inputs={"d": "s3://b/data.csv"})
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3DataType"] = "ManifestFile"
    _, ended, steps = run(local, definition(step))
    assert ended.status is ExecutionStatus.FAILED
    assert "it has more than 64 MB" in steps["a"].failure_reason


def test_too_many_requirements(tmp_path: Path) -> None:
    large(tmp_path / "code" / "requirements.txt", MOST_READ + 1)
    with (tmp_path / "code.tar.gz").open("wb") as file:
        packed(tmp_path / "code", file)
    with pytest.raises(InputProblems, match="PB529 'requirements.txt'"):
        read_member(tmp_path / "code.tar.gz", ("requirements.txt",))


def test_a_conf_that_is_data_is_refused(tmp_path: Path) -> None:
    large(tmp_path / "conf.yaml", 100 << 20)
    with pytest.raises(InputProblems, match=r"PB200 'conf.yaml' is larger than 8 MB"):
        load_yaml(tmp_path / "conf.yaml", "conf.yaml", "PB200")


# --- archives


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    archives = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        for path in sorted(("b", "sub/a"), reverse=name == "two"):
            (folder / path).write_bytes(path.encode() * 1_000_000)
        os.utime(folder / "b", (1, 1))
        with (tmp_path / f"{name}.tar.gz").open("wb") as file:
            packed(folder, file)
        archives.append((tmp_path / f"{name}.tar.gz").read_bytes())
    assert archives[0] == archives[1]
    assert archives[0][:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # no name, no time
    with tarfile.open(tmp_path / "one.tar.gz") as opened:
        assert [(e.name, e.size, e.mtime, e.uid, e.mode) for e in opened] == [
            ("b", 1_000_000, 0, 0, 0o644),
            ("sub/a", 5_000_000, 0, 0, 0o644),
        ]


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archives_of_every_compression_are_unpacked(tmp_path: Path, kind: str) -> None:
    with tarfile.open(tmp_path / "a.tar", kind) as archive:  # type: ignore[call-overload] # a mode in a variable
        for number in range(3):
            entry = tarfile.TarInfo(f"f/{number}")
            entry.size = 1000 * number
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    unpack(tmp_path / "a.tar", tmp_path / "to")
    assert [(tmp_path / "to" / "f" / str(number)).stat().st_size for number in range(3)] == [0, 1000, 2000]
    assert read_member(tmp_path / "a.tar", ("f/1",)) == bytes(1000)
    assert read_member(tmp_path / "a.tar", ("f/9",)) is None


def test_a_sparse_entry(tmp_path: Path) -> None:
    with large(tmp_path / "in" / "holes", 50 << 20).open("r+b") as file:
        file.seek(30 << 20)
        file.write(b"here")
    subprocess.run(["tar", "-cSzf", "a.tar.gz", "-C", "in", "holes"], cwd=tmp_path, check=True)
    unpack(tmp_path / "a.tar.gz", tmp_path / "to")
    assert (tmp_path / "to" / "holes").read_bytes() == (tmp_path / "in" / "holes").read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "two bytes"])
def test_a_damaged_archive_is_said_to_be_one(tmp_path: Path, damage: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "f").write_bytes(os.urandom(3_000_000))
    with (tmp_path / "a.tar.gz").open("wb") as file:
        packed(tmp_path / "m", file)
    content = bytearray((tmp_path / "a.tar.gz").read_bytes())
    content[2_000_000] ^= 0xFF
    damaged = {
        "cut": bytes(content[:1_500_000]),
        "flipped": bytes(content),
        "text": b"no archive" * 100,
        "empty": b"",
        "two bytes": b"\x1f\x8b",
    }
    (tmp_path / "a.tar.gz").write_bytes(damaged[damage])
    with pytest.raises(InputProblems, match=r"PB525 'a.tar.gz' can't be read as an archive"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "to")


# --- hashed while they pass


def test_what_is_written_has_its_digest_without_being_read(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    store = LocalStore(tmp_path / "store", {}, state)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").write_bytes(b"b")
    store.put("s3://b/bytes", b"x")
    store.put("s3://b/file", tmp_path / "out" / "b")
    tree = Tree(root=tmp_path / "out")
    store.upload(tree, survey(tree), "s3://b/out")
    with store.writing("s3://b/written") as file:
        file.write(b"wri")
        file.write(b"tten")
    for key, content in (("bytes", b"x"), ("file", b"b"), ("out/b", b"b"), ("written", b"written")):
        path = tmp_path / "store" / "b" / key
        assert state.known_digest(str(path), unchanged(path.stat())) == hashlib.sha256(content).hexdigest()
    path.write_bytes(b"changed")
    assert state.known_digest(str(path), unchanged(path.stat())) == ""


def test_what_fails_while_it_is_written_is_no_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    store.put("s3://b/key", b"old")
    with pytest.raises(TypeError), store.writing("s3://b/key") as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert store.get("s3://b/key") == b"old"
    assert list((tmp_path / "store" / ".staging").iterdir()) == []
