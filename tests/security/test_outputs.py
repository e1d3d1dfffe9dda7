"""Attacks by what a job leaves in its folders: links, pipes, names, folders that are gone or change while they are read."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.logs import append_line, failure_message, log_tail
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.tree import Passage, Tree, opened, survey
from pipeline_builder.target import Target
from tests.engine.definitions import definition, run, script, target

SECRET = "aws_secret_access_key = canary"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's, where every job can reach it that is let out of its own."""
    folder = tmp_path_factory.mktemp("home") / "aws"
    folder.mkdir()
    (folder / "credentials").write_text(SECRET)
    (folder / "failure").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return target(tmp_path_factory.mktemp("outputs"))


def training(command: str, **more: Any) -> dict[str, Any]:
    request = {
        "AlgorithmSpecification": {
            "TrainingImage": "image:1", "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", command],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://local/out"},
        **more,
    }  # fmt: skip
    return {"Name": "t", "Type": "Training", "Arguments": request}


def ended(local: Target, step: dict[str, Any], said: list[str] | None = None) -> StepState:
    """Run the step alone; nothing that it does may end the engine."""
    _, execution, steps = run(local, definition(step), again=True)
    if said is not None:
        said += local.pipelines.read_log(execution.arn, step["Name"]).splitlines()
    return steps[step["Name"]]


def stored(local: Target) -> Iterator[tuple[Path, bytes]]:
    """Yield every object of the store, archives taken apart."""
    for path in local.store.root.rglob("*"):  # type: ignore[attr-defined] # the engine's own
        if path.is_file() and path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                yield from ((path / e.name, archive.extractfile(e).read()) for e in archive if e.isfile())  # type: ignore[union-attr] # it is a file
        elif path.is_file():
            yield path, path.read_bytes()


# --- what is in the folder's place


TRAINING_REPLACED = {
    "the model folder is a link": "rm -r /opt/ml/model && ln -s {home} /opt/ml/model",
    "the model folder is a relative link": "rm -r /opt/ml/model && ln -s ../../../../../../../../../..{home} /opt/ml/model",
    "the output folder is a link": "rm -r /opt/ml/output && mkdir -p /opt/ml/x/data && ln -s x /opt/ml/output",
    "the data folder is a link": "rm -r /opt/ml/output/data && ln -s {home} /opt/ml/output/data",
    "the model folder is gone": "rm -r /opt/ml/model",
    "the data folder is gone": "rm -r /opt/ml/output/data",
    "all is gone": "rm -r /opt/ml/* || true",
    "the model folder is a file": "rm -r /opt/ml/model && echo x > /opt/ml/model",
    "the model folder is a pipe": "rm -r /opt/ml/model && mkfifo /opt/ml/model",
    "the data folder is a file": "rm -r /opt/ml/output/data && echo x > /opt/ml/output/data",
}


@pytest.mark.parametrize("attack", TRAINING_REPLACED)
def test_of_a_training_what_is_no_folder_any_more_fails_the_step(local: Target, home: Path, attack: str) -> None:
    step = ended(local, training(TRAINING_REPLACED[attack].format(home=home)))
    assert step.status is StepStatus.FAILED
    assert step.failure_reason.startswith("PB550 the job's folder '/opt/ml/")
    assert not [path for path, content in stored(local) if SECRET.encode() in content]


PROCESSING_REPLACED = {
    "a link": "rm -r /opt/ml/processing/output && ln -s {home} /opt/ml/processing/output",
    "a link above it": "mv /opt/ml/processing /opt/ml/p && mkdir /opt/ml/p/output/x && ln -s p /opt/ml/processing",
    "a link of all above": "rm -r /opt/ml/processing && mkdir -p /opt/ml/x/output && ln -s /opt/ml/x /opt/ml/processing",
    "gone": "rm -r /opt/ml/processing",
    "a file": "rm -r /opt/ml/processing/output && echo x > /opt/ml/processing/output",
    "a pipe": "rm -r /opt/ml/processing/output && mkfifo /opt/ml/processing/output",
    "a link to itself": "rm -r /opt/ml/processing/output && ln -s output /opt/ml/processing/output",
}


@pytest.mark.parametrize("attack", PROCESSING_REPLACED)
def test_of_a_processing_job_what_is_no_folder_any_more_fails_the_step(local: Target, home: Path, attack: str) -> None:
    step = ended(local, script("p", PROCESSING_REPLACED[attack].format(home=home)))
    assert step.status is StepStatus.FAILED
    assert step.failure_reason.startswith("PB550 the job's folder '/opt/ml/processing/output' can't be read: it")
    assert not [path for path, content in stored(local) if SECRET.encode() in content]


def test_of_a_transform_what_is_no_folder_any_more_fails_the_step(local: Target) -> None:
    code = (
        "import os\nos.rename('/opt/ml/batch/output', '/opt/ml/x')\nos.symlink('/opt/ml/x', '/opt/ml/batch/output')\n"
    )
    code += "def transform_fn(model, data, kind, accept):\n    return b''\ndef model_fn(folder):\n    return 1\n"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo("code/x.py")
        entry.size = len(code)
        archive.addfile(entry, io.BytesIO(code.encode()))
    local.store.put("s3://local/model.tar.gz", content.getvalue())
    local.store.put("s3://local/in/x", b"1\n")
    container = {"Image": "i", "ModelDataUrl": "s3://local/model.tar.gz", "Environment": {"SAGEMAKER_PROGRAM": "x.py"}}
    request = {
        "ModelName": {"Get": "Steps.m.ModelName"},
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}}},
        "TransformOutput": {"S3OutputPath": "s3://local/predictions"},
    }
    model = {"Name": "m", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    _, _, steps = run(local, definition(model, {"Name": "t", "Type": "Transform", "Arguments": request}))
    assert steps["t"].failure_reason.startswith("PB550 the job's folder '/opt/ml/batch/output' can't be read: it")


def test_why_a_job_failed_is_not_read_through_links(tmp_path: Path, home: Path) -> None:
    (tmp_path / "ml").mkdir()
    (tmp_path / "log.txt").write_text("the log\n")
    (tmp_path / "ml" / "output").symlink_to(home)
    assert failure_message(tmp_path / "ml", tmp_path / "log.txt", 1) == "the log"


def test_the_log_is_not_read_or_written_through_links(tmp_path: Path) -> None:
    other = tmp_path / "bashrc"
    other.write_text(SECRET)
    (tmp_path / "log.txt").symlink_to(other)
    append_line(tmp_path / "log.txt", "$(rm -rf ~)")
    assert log_tail(tmp_path / "log.txt", 10) == ()
    assert other.read_text() == SECRET
    os.mkfifo(tmp_path / "pipe")
    assert log_tail(tmp_path / "pipe", 10) == ()


# --- what is in the folder


SPECIAL = """cd {folder}; echo x > kept; ln -s kept inside; ln -s {home}/credentials secret; ln -s {home} folder
ln -s nowhere dangling; mkfifo pipe; ln kept again; mkdir sub; ln -s ../kept sub/up
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'"""
SAID = "'dangling' (a link), 'folder' (a link), 'inside' (a link), 'pipe' (a pipe), 'secret' (a link) and 2 more"  # 'socket' (a socket), 'sub/up' (a link)


@pytest.mark.parametrize("kind", ["model", "output/data", "processing/output"])
def test_only_files_are_kept_and_the_rest_is_said(local: Target, home: Path, kind: str) -> None:
    command, said = SPECIAL.format(folder=f"/opt/ml/{kind}", home=home), list[str]()
    step = script("p", command) if kind.startswith("processing") else training(command)
    assert ended(local, step, said).status is StepStatus.SUCCEEDED
    assert said[-1] == f"left out of /opt/ml/{kind}, because only files are kept: {SAID}"
    assert not [path for path, content in stored(local) if SECRET.encode() in content]
    newest = max((path for path, _ in stored(local) if path.name == "kept"), key=lambda path: len(path.parts))
    assert {path.name for path, _ in stored(local) if path.parent == newest.parent} == {"kept", "again"}


@pytest.mark.parametrize("kind", ["model", "output/data", "processing/output"])
@pytest.mark.parametrize("name", [r"b\377d", r"a\nb", r"a\\b", r"a\033[31m", r"\342\200\250", r"d\377r/x", r"\200"])
def test_names_that_are_no_keys_fail_the_step(local: Target, kind: str, name: str) -> None:
    command = f"""cd /opt/ml/{kind}; n=$(printf '{name}.'); n="${{n%.}}"; mkdir -p "$(dirname "$n")"; echo x > "$n" """
    step = ended(local, script("p", command) if kind.startswith("processing") else training(command))
    assert step.status is StepStatus.FAILED
    assert step.failure_reason.startswith(f"PB553 names in '/opt/ml/{kind}' can't be those of objects: '")
    assert step.failure_reason.isascii()


@pytest.mark.long
def test_a_large_sparse_file_stays_sparse(tmp_path: Path) -> None:
    local = target(tmp_path)
    step = script("p", "truncate -s 300M /opt/ml/processing/output/holes")
    assert ended(local, step).status is StepStatus.SUCCEEDED
    (path,) = tmp_path.rglob("store/**/holes")
    assert (path.stat().st_size, path.stat().st_blocks * 512 < 1 << 20) == (300 << 20, True)


# --- what changes while it is read


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path, home: Path) -> None:
    tree = Tree(root=tmp_path, below="model", shown="/opt/ml/model")
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / "sub" / "credentials").write_text("x")
    assert survey(tree).files == ["sub/credentials"]
    (tmp_path / "model" / "sub").rename(tmp_path / "sub")
    (tmp_path / "model" / "sub").symlink_to(home)
    with (
        pytest.raises(InputProblems, match="PB551 '/opt/ml/model/sub/credentials' has changed"),
        opened(tree, "sub/credentials"),
    ):
        pass
    (tmp_path / "model" / "sub").unlink()
    (tmp_path / "model" / "sub").mkdir()
    os.mkfifo(tmp_path / "model" / "sub" / "credentials")
    with pytest.raises(InputProblems, match="PB551"), opened(tree, "sub/credentials"):
        pass


def test_a_file_that_becomes_shorter_or_longer(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path, shown="/opt/ml/model")
    (tmp_path / "x").write_bytes(b"12345")
    with opened(tree, "x") as file:
        (tmp_path / "x").write_bytes(b"1234567")
        assert file.read(10) == b"12345"
    with opened(tree, "x") as file:
        (tmp_path / "x").write_bytes(b"1")
        assert file.read(10) == b"1"
        with pytest.raises(InputProblems, match="PB551 '/opt/ml/model/x' has changed while it was read"):
            file.read(10)


def test_folders_that_are_exchanged_for_links_all_the_time(tmp_path: Path, home: Path) -> None:
    tree = Tree(root=tmp_path, below="model", shown="/opt/ml/model")
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / "sub" / "credentials").write_text("mine")
    (tmp_path / "model" / "link").symlink_to(home)
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for one, other in (("sub", "kept"), ("link", "sub"), ("sub", "link"), ("kept", "sub")):
                (tmp_path / "model" / one).rename(tmp_path / "model" / other)

    thread = threading.Thread(target=exchange)
    thread.start()
    read: set[bytes] = set()
    try:
        for _ in range(5000):
            read.add(_read(tree))
            if len(read) > 1:
                break
        read |= {_read(tree) for _ in range(300)}
    finally:
        stop.set()
        thread.join()
    assert read <= {b"mine", b""}


def _read(tree: Tree) -> bytes:
    content: Passage
    try:
        with opened(tree, "sub/credentials") as content:
            return content.read(100)
    except InputProblems:
        return b""


@pytest.mark.skipif(not private_mounts_available(), reason="jobs are not isolated here")
def test_a_foreign_file_is_no_hard_link_of_a_job(local: Target, home: Path) -> None:
    step = ended(local, training(f"ln {home}/credentials /opt/ml/model/x"))
    assert step.status is StepStatus.FAILED
    assert not [path for path, content in stored(local) if SECRET.encode() in content]
