"""What is kept by content is the same bytes or nothing, whatever happens to its folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.machine.kept import Kept


def kept(folder: Path, *, bound: int = 1 << 20, code: str = "a version", now: float = 1e9) -> Kept:
    return Kept(folder=folder / "kept", bound=bound, code=code, clock=lambda: now)


def files(folder: Path) -> list[Path]:
    return [path for path in sorted((folder / "kept").rglob("*")) if path.is_file()]


def age(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))


def test_what_was_put_is_found_by_its_kind_and_key(tmp_path: Path) -> None:
    kept(tmp_path).put("units", "a key", {"steps": [1, "é", None]})
    kept(tmp_path).put_bytes("units", "another", b"\x00\xff")
    assert kept(tmp_path).get("units", "a key") == {"steps": [1, "é", None]}
    assert kept(tmp_path).get_bytes("units", "another") == b"\x00\xff"
    assert kept(tmp_path).get("confs", "a key") is None
    assert kept(tmp_path).get("units", "a ke") is None


def test_another_version_of_the_code_finds_nothing(tmp_path: Path) -> None:
    kept(tmp_path).put("units", "key", "before")
    kept(tmp_path, code="another version").put("units", "key", "after")
    assert kept(tmp_path).get("units", "key") == "before"
    assert kept(tmp_path, code="a third").get("units", "key") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"pipeline-builder kept 1 ", None, b"{}", b"\x80\x04]\x94."],
    ids=["empty", "begun", "cut off", "foreign", "pickled"],
)
def test_what_is_torn_or_foreign_is_nothing(tmp_path: Path, content: bytes | None) -> None:
    store = kept(tmp_path)
    store.put("units", "key", "x" * 100)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    assert store.get("units", "key") is None
    store.put("units", "key", "again")
    assert store.get("units", "key") == "again"


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_what_is_no_file_is_nothing(tmp_path: Path, what: str) -> None:
    store = kept(tmp_path)
    store.put("units", "key", "value")
    (path,) = files(tmp_path)
    moved = path.rename(tmp_path / "moved")
    if what == "link":
        path.symlink_to(moved)
    elif what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert store.get("units", "key") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_nothing(tmp_path: Path) -> None:
    store = kept(tmp_path)
    store.put("units", "key", "value")
    os.chown(files(tmp_path)[0], 65534, -1)
    assert store.get("units", "key") is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder would be")
    store = kept(tmp_path)
    store.put("units", "key", "value")
    assert store.get("units", "key") is None


@pytest.mark.long
def test_a_full_disk_keeps_nothing(tmp_path: Path) -> None:
    """The limit of a file's size ends a write in its middle, as a full disk does."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from pipeline_builder.machine.kept import Kept\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "store = Kept(folder=Path(sys.argv[1]) / 'kept'); store.put('units', 'key', 'x' * 5000)\n"
        "assert store.get('units', 'key') is None"
    )
    subprocess.run([sys.executable, "-c", program, os.fspath(tmp_path)], check=True)
    assert files(tmp_path) == []


def test_what_nobody_asks_for_goes_and_what_is_used_stays(tmp_path: Path) -> None:
    day = 86400
    before = kept(tmp_path, now=0)
    for number in range(200):
        before.put("units", str(number), "x" * 1000)
    for path in files(tmp_path):
        age(path, 0)
    assert kept(tmp_path, now=29 * day).get("units", "7") is not None
    late = kept(tmp_path, now=31 * day)
    assert len(late.unneeded()) == 199
    for number in range(200, 300):
        late.put("units", str(number), "y")
    assert [late.get("units", str(number)) is not None for number in (6, 7, 250)] == [False, True, True]


def test_more_than_the_bound_is_never_kept(tmp_path: Path) -> None:
    for number in range(100):
        kept(tmp_path, bound=160_000).put("units", str(number), "x" * 3000)
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 160_000
    kept(tmp_path, bound=160_000).put("units", "huge", "x" * 10_001)
    assert kept(tmp_path).get("units", "huge") is None


def test_what_a_killed_command_left_goes_too(tmp_path: Path) -> None:
    store = kept(tmp_path, now=1e9)
    store.put("units", "key", "value")
    left = files(tmp_path)[0].with_name(".new-abcd")
    left.write_bytes(b"half")
    age(left, 0)
    assert [entry.paths for entry in kept(tmp_path, now=1e9).unneeded()] == [(left,)]
    assert store.take(store.unneeded())
    assert not left.exists()


@pytest.mark.long
def test_two_commands_at_once_write_whole_entries(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline_builder.machine.kept import Kept\n"
        "store = Kept(folder=Path(sys.argv[1]) / 'kept', code='v')\n"
        "for number in range(300):\n"
        "    found = store.get('units', str(number % 10)); assert found in (None, 'x' * 20000), found\n"
        "    store.put('units', str(number % 10), 'x' * 20000)"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, os.fspath(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(files(tmp_path)) == 10
