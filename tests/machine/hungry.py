"""What handles large things, each for a process of its own with few addresses: `python -m tests.machine.hungry NAME FOLDER`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

import pytest

SIZE = 100 << 20
"""Bytes of the large thing."""


def large(path: Path, size: int = SIZE) -> Path:
    """Make a file of zeros, which takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def archives(folder: Path) -> None:
    """A model is packed into the store, unpacked, and looked into."""
    from pipeline_builder.engine.jobs.archives import pack, read_member, unpack
    from pipeline_builder.engine.state.state import State
    from pipeline_builder.engine.state.store import LocalStore
    from pipeline_builder.machine.tree import Tree, survey

    large(folder / "model" / "weights.bin")
    (folder / "model" / "z").write_text("last")
    state = State(folder / "state.db")
    store = LocalStore(folder / "store", {}, state)
    with store.writing("s3://b/model.tar.gz") as file:
        tree = Tree(root=folder / "model")
        pack(tree, survey(tree), file)
    archive = store.find("s3://b/model.tar.gz")
    assert archive is not None
    assert read_member(archive, ("z",)) == b"last"
    unpack(archive, folder / "unpacked")
    assert (folder / "unpacked" / "weights.bin").stat().st_size == SIZE


def objects(folder: Path) -> None:
    """What a processing job writes goes into the store, from there into another job, and has a digest."""
    from pipeline_builder.engine.state.state import State
    from pipeline_builder.engine.state.store import LocalStore
    from pipeline_builder.machine.tree import Tree, survey

    large(folder / "out" / "part.bin")
    store = LocalStore(folder / "store", {}, State(folder / "state.db"))
    tree = Tree(root=folder / "out")
    store.upload(tree, survey(tree), "s3://b/out")
    assert len(store.digest("s3://b/out/")) == 64
    store.download("s3://b/out/", folder / "in")
    store.fetch("s3://b/out/part.bin", folder / "fetched")
    assert (folder / "in" / "part.bin").stat().st_size == (folder / "fetched").stat().st_size == SIZE


def bundles(folder: Path) -> None:
    """A large file lies beside the scripts."""
    from pipeline_builder.definition.bundle import Bundler

    large(folder / "source" / "data.bin")
    for name in ("train.py", "evaluate.py"):
        (folder / "source" / name).write_text("pass")
    bundle = Bundler().bundle(folder / "source", entry_point="train.py", others=("evaluate.py", "train.py"))
    assert bundle.files == ("data.bin", "train.py")
    with (folder / "bundle").open("wb") as file:
        bundle.write(file)


def records(folder: Path) -> None:
    """A file without an end of line is taken apart by lines, and one as a whole, compressed or not."""
    import gzip

    from pipeline_builder.engine.inside.batch import DEFAULTS, settled
    from pipeline_builder.engine.inside.records import requests

    with gzip.open(folder / "a.gz", "wb", 1) as packed:
        for _ in range(SIZE >> 20):
            packed.write(bytes(1 << 20))
    large(folder / "a")
    for split in ("Line", "None"):
        for name, opened in (("a", Path.open), ("a.gz", gzip.open)):
            with opened(folder / name, "rb") as file, pytest.raises(ValueError, match="larger than MaxPayloadInMB"):
                list(requests(cast("IO[bytes]", file), settled(None, {**DEFAULTS, "split": split})))


def served(folder: Path) -> None:
    """Uploads in one request and in parts, copies and downloads, by the AWS target on `serve`: both are this process."""
    import boto3

    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.store import S3Store
    from pipeline_builder.errors import InputProblems
    from tests.serve.serving import serving

    threading.stack_size(1 << 20)
    file = large(folder / "file")
    with serving(folder) as here:
        here.s3.create_bucket(Bucket="large-things")
        with file.open("rb") as body:
            here.s3.put_object(Bucket="large-things", Key="one", Body=body)
        here.s3.copy_object(Bucket="large-things", Key="copied", CopySource="large-things/one")
        upload = here.s3.create_multipart_upload(Bucket="large-things", Key="parts")["UploadId"]
        which = {"Bucket": "large-things", "Key": "parts", "UploadId": upload}
        part = here.s3.upload_part_copy(**which, PartNumber=1, CopySource="large-things/one")["CopyPartResult"]["ETag"]
        here.s3.complete_multipart_upload(**which, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        os.environ["AWS_ENDPOINT_URL"] = here.url
        aws = Aws("us-east-1", session=boto3.session.Session(**here.keys))
        store = S3Store(aws)
        store.put("s3://large-things/large", file)
        for key in ("copied", "parts"):
            assert here.s3.head_object(Bucket="large-things", Key=key)["ContentLength"] == SIZE
        store.fetch("s3://large-things/large", folder / "fetched")
        assert (folder / "fetched").stat().st_size == SIZE
        with pytest.raises(InputProblems, match="PB529"):
            store.get("s3://large-things/large")
        aws.client("s3").close()


def artifacts(folder: Path) -> None:
    """A build of the rehearsed service hands on a large file."""
    from pipeline_builder.service.rehearsal.artifacts import pack, unpack

    pack(folder / "a.zip", [(large(folder / "file"), "file")])
    unpack(folder / "a.zip", folder / "unpacked")
    assert (folder / "unpacked" / "file").stat().st_size == SIZE


KINDS: Mapping[str, Callable[[Path], None]] = {
    found.__name__: found for found in (archives, objects, bundles, records, served, artifacts)
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]))
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(("VmPeak", "VmHWM")):
            sys.stdout.write(line + "\n")
