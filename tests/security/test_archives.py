"""Attacks by archives that a job gets back: what is in them, what their headers say, how large they become."""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline_builder.descriptions import StepStatus
from pipeline_builder.engine.jobs import entries
from pipeline_builder.engine.jobs.archives import read_member, unpack
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import definition, run, target

MODEL = "s3://local/model.tar.gz"
Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"x", *, size: int | None = None, **facts: Any) -> Member:
    entry = tarfile.TarInfo(name)
    entry.size = len(content) if size is None else size
    for fact, value in facts.items():
        setattr(entry, fact, value)
    return entry, content


def tar(*members: Member, form: Literal[1, 2] = tarfile.GNU_FORMAT, end: bool = True) -> bytes:
    """Return a tar as its headers are given, true or not."""
    parts = [
        entry.tobuf(form, "utf-8", "surrogateescape") + content + bytes(-len(content) % 512)
        for entry, content in members
    ]
    return gzip.compress(b"".join([*parts, bytes(1024) if end else b""]), 1)


def pax(name: str, **headers: str) -> Member:
    return member(name, pax_headers=headers)


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
REFUSED: dict[str, tuple[bytes, str]] = {
    "climbs": (tar(member("../x")), "its name leaves the folder"),
    "climbs further in": (tar(member("a/../../x")), "its name leaves the folder"),
    "climbs and comes back": (tar(member("a/../x")), "its name leaves the folder"),
    "is absolute": (tar(member("/tmp/x")), "its name leaves the folder"),
    "is absolute after slashes": (tar(member("//tmp/x")), "its name leaves the folder"),
    "climbs by a long name": (tar(member("a/" * 100 + "../" * 102 + "x")), "its name leaves the folder"),
    "climbs by a pax path": (tar(pax("x", path="../x"), form=tarfile.PAX_FORMAT), "its name leaves the folder"),
    "a link out": (tar(member("x", b"", type=LINK, linkname="/etc/passwd")), "it is a link, to '/etc/passwd'"),
    "a link that stays": (tar(member("x", b"", type=LINK, linkname="y")), "it is a link, to 'y'"),
    "a hard link out": (tar(member("x", b"", type=HARD, linkname="/etc/passwd")), "it is a link, to '/etc/passwd'"),
    "a folder that is a link first": (
        tar(member("d", b"", type=LINK, linkname="/tmp"), member("d/x")), "the archive entry 'd' is refused: it is a link",
    ),
    "a link's name that steers": (tar(member("x", b"", type=LINK, linkname="\033[2J")), r"it is a link, to '\x1b"),
    "a character device": (tar(member("x", b"", type=tarfile.CHRTYPE)), "it is neither a file nor a folder"),
    "a block device": (tar(member("x", b"", type=tarfile.BLKTYPE)), "it is neither a file nor a folder"),
    "a pipe": (tar(member("x", b"", type=tarfile.FIFOTYPE)), "it is neither a file nor a folder"),
    "an unknown type": (tar(member("x", b"", type=b"Z")), "it is neither a file nor a folder"),
    "setuid": (tar(member("x", mode=0o4755)), "it would run as another user"),
    "setgid": (tar(member("x", mode=0o2755)), "it would run as another user"),
    "twice": (tar(member("x"), member("x", b"other")), "the archive has two of this name"),
    "twice, spelled otherwise": (tar(member("d/x"), member("./d//x")), "the archive has two of this name"),
    "a name that isn't UTF-8": (tar(member("a\udcff")), "its name is no UTF-8 text"),
    "a line end in its name": (tar(member("a\nb")), "its name is no UTF-8 text"),
    "a NUL in its name": (tar(pax("x", path="a\0b"), form=tarfile.PAX_FORMAT), "its name is no UTF-8 text"),
    "a file where a folder is": (tar(member("d/x"), member("d")), "can't be a file or folder"),
    "too many folders": (tar(member("d/" * 300 + "x")), "it lies in more than 256 folders"),
    "more than the disk": (tar(member("x", b"", size=1 << 50)), "does not fit on this disk"),
    "more than the disk together": (tar(*(member(f"{n}", b"", size=1 << 46) for n in range(3))), "does not fit"),
}  # fmt: skip


@pytest.mark.parametrize("attack", REFUSED)
def test_refused_entries(tmp_path: Path, attack: str) -> None:
    content, why = REFUSED[attack]
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InputProblems) as caught:
        unpack(tmp_path / "a.tar.gz", tmp_path / "in" / "model")
    (problem,) = caught.value.problems
    assert problem.id == "PB525"
    assert why in problem.message
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "in"}
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["model"]


def chain(kind: bytes, count: int) -> bytes:
    """Return headers that all belong to one entry."""
    return tar(*(member("././@LongLink", b"x" * 10, type=kind) for _ in range(count)), member("x"))


def extended(count: int) -> bytes:
    """Return a sparse entry of the old kind, whose map goes on and on."""
    entry, _ = member("x", b"", type=tarfile.GNUTYPE_SPARSE)
    head = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    block = (b"00000000001\0" * 42 + b"\1").ljust(512, b"\0")
    return gzip.compress(bytes(head) + block * count, 1)


def negative(name: str) -> bytes:
    return tar(pax(name, size="-1000000"), form=tarfile.PAX_FORMAT)


BROKEN: dict[str, Callable[[], bytes]] = {
    "a name of 3 MB": lambda: tar(member("././@LongLink", bytes(3 << 20), type=tarfile.GNUTYPE_LONGNAME)),
    "a pax header of 3 MB": lambda: tar(member("x", bytes(3 << 20), type=tarfile.XHDTYPE)),
    "a global pax header of 3 MB": lambda: tar(member("x", bytes(3 << 20), type=tarfile.XGLTYPE)),
    "1,500 long names for one entry": lambda: chain(tarfile.GNUTYPE_LONGNAME, 1500),
    "1,500 long links for one entry": lambda: chain(tarfile.GNUTYPE_LONGLINK, 1500),
    "a sparse map without end": lambda: extended(20_000),
    "a size below nothing": lambda: negative("x"),
    "a sparse map that is none": lambda: tar(
        pax("x", **{"GNU.sparse.map": "a,b,c", "GNU.sparse.size": "1"}), form=tarfile.PAX_FORMAT
    ),
    "a sparse map of one number": lambda: tar(
        pax("x", **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), form=tarfile.PAX_FORMAT
    ),
    "an entry that ends early": lambda: tar(member("x", b"x", size=10_000), end=False),
    "no tar in it": lambda: gzip.compress(b"x" * 10_000),
}


@pytest.mark.parametrize("attack", BROKEN)
def test_headers_that_lie(tmp_path: Path, attack: str) -> None:
    (tmp_path / "a.tar.gz").write_bytes(BROKEN[attack]())
    with pytest.raises(InputProblems, match="PB525"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    with pytest.raises(InputProblems, match="PB525"):
        read_member(tmp_path / "a.tar.gz", ["no"])


def test_what_zeros_become_takes_no_room(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(tar(member("zeros", bytes(20 << 20))))
    unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    found = (tmp_path / "in" / "zeros").stat()
    assert (found.st_size, found.st_blocks * 512 < 1 << 20) == (20 << 20, True)


def test_a_bomb_ends_where_the_disk_has_no_room_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    (tmp_path / "a.tar.gz").write_bytes(tar(member("x", b"y" * 1000)))
    with pytest.raises(InputProblems, match="PB525 the archive entry 'x' does not fit on this disk"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 10)
    (tmp_path / "a.tar.gz").write_bytes(tar(*(member(str(n)) for n in range(11))))
    with pytest.raises(InputProblems, match="PB525 the archive has more than 10 files"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")


def test_a_refused_model_fails_its_step_with_words(tmp_path: Path) -> None:
    local = target(tmp_path)
    local.store.put(MODEL, REFUSED["a link out"][0])
    local.store.put("s3://local/in/x", b"1\n")
    container = {"Image": "image:1", "ModelDataUrl": MODEL, "Environment": {"SAGEMAKER_PROGRAM": "x.py"}}
    request = {
        "ModelName": {"Get": "Steps.m.ModelName"},
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}}},
        "TransformOutput": {"S3OutputPath": "s3://local/out"},
    }
    model = {"Name": "m", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    _, _, steps = run(local, definition(model, {"Name": "t", "Type": "Transform", "Arguments": request}))
    assert steps["t"].status is StepStatus.FAILED
    assert "PB525 the archive entry 'x' is refused: it is a link, to '/etc/passwd'" in steps["t"].failure_reason
