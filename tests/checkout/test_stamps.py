"""Stamps of folders: with and without them a checkout says the same, whatever is done to the files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.checkout.stamps import find_stamp, stamp_of
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import ENVIRONMENT, commit, make_certificate, serve
from tests.checkout.test_checkout import one, root, run
from tests.places import ROOT

__all__ = ["root"]


def made(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("aaa")
    (folder / "sub" / "b").write_text("bbb")
    return folder


def same_size_and_time(folder: Path) -> None:
    before = (folder / "a").stat()
    (folder / "a").write_text("AAA")
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content of one size and time": same_size_and_time,
    "a new file": lambda folder: (folder / "sub" / "c").touch(),
    "one less": lambda folder: (folder / "sub" / "b").unlink(),
    "another mode": lambda folder: (folder / "a").chmod(0o755),
    "a link": lambda folder: (folder / "l").symlink_to("a"),
    "another name": lambda folder: (folder / "a").rename(folder / "z"),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_any_change_is_another_stamp(tmp_path: Path, change: str) -> None:
    folder, clock = made(tmp_path / "f"), tmp_path / "clock"
    before = find_stamp(folder, clock)
    assert before
    assert before == find_stamp(folder, clock)
    CHANGES[change](folder)
    assert find_stamp(folder, clock) != before


@pytest.mark.long
def test_compiled_python_takes_a_look_which_knows_what_the_commit_has_of_it(root: Path) -> None:
    repository = root / "remotes" / "a"
    (repository / "kept.pyc").write_text("as committed")
    commit(repository, "compiled")
    run(root, one())
    folder = root / "aws-train" / "a"
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.cpython-311.pyc").touch()
    assert run(root, one()).repos[0].changed is False
    (folder / "kept.pyc").write_text("AS COMMITTED")
    assert run(root, one()).repos[0].changed is True
    assert (folder / "kept.pyc").read_text() == "as committed"


@pytest.mark.long
def test_what_is_edited_while_others_are_checked_out_is_noticed(root: Path) -> None:
    """The second repository's server begins to answer when the first one's folder was edited."""
    folder = root / "aws-train" / "a"
    certificate = make_certificate(root / "certificate.pem")
    edit = partial(edit_once, folder / "conf" / "conf.yaml")
    with serve(root / "remotes", certificate=certificate, before=edit) as (url, _):
        text = f"{one()}  - {{name: b, url: '{url}/a'}}\n"
        first = run(root, text, GIT_SSL_CAINFO=str(certificate))
    assert (folder / "conf" / "conf.yaml").read_text() == "edited"
    assert first.repos[0].changed
    again = run(root, one())
    assert (again.repos[0].changed, [warning.id for warning in again.warnings]) == (True, ["PB159"])


def edit_once(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    path.write_text("edited")


def test_a_clock_of_another_file_system_says_nothing(tmp_path: Path) -> None:
    folder, disk = made(tmp_path / "f"), ROOT / ".pipeline_builder" / "tests"
    disk.mkdir(parents=True, exist_ok=True)
    others = [place for place in (Path("/dev/shm"), disk) if place.stat().st_dev != folder.stat().st_dev]
    if not others:
        pytest.skip("there is one file system here")
    with tempfile.TemporaryDirectory(dir=others[0]) as other:
        assert find_stamp(folder, Path(other, "clock")) == ""
    assert find_stamp(folder, tmp_path / "clock")


def test_what_is_as_new_as_the_clock_has_no_stamp(tmp_path: Path) -> None:
    folder = made(tmp_path / "f")

    class Stopped(type(folder)):  # type: ignore[misc] # a clock that stands where the newest file is
        def write_bytes(self, data: bytes) -> int:
            return len(data)

        def unlink(self, missing_ok: bool = False) -> None:
            pass

    assert stamp_of(folder, Stopped(folder / "sub" / "b")) == ""
    assert stamp_of(tmp_path / "none", tmp_path / "clock") == ""


@pytest.mark.long
def test_with_and_without_it_is_the_same(root: Path) -> None:
    first = run(root, one())
    state = root / ".cache" / "a.json"
    assert json.loads(state.read_text())["stamp"]
    for noted in ("", "none of any folder", 3):
        state.write_text(json.dumps(json.loads(state.read_text()) | {"stamp": noted}))
        again = run(root, one())
        assert (again.lock, again.repos[0].changed, again.warnings) == (first.lock, False, ())
    (root / "aws-train" / "a" / "conf" / "conf.yaml").write_text("name: b\n")
    edited = run(root, one())
    assert (edited.repos[0].changed, [warning.id for warning in edited.warnings]) == (True, ["PB159"])


@pytest.mark.long
def test_what_an_unchanged_folder_did_without_is_fetched_for_its_authors(root: Path) -> None:
    run(root, one())
    packs = root / ".cache" / "a.git" / "objects" / "pack"
    shutil.rmtree(packs)
    packs.mkdir()
    done = run(root, one())
    assert (done.repos[0].changed, [*packs.iterdir()]) == (False, [])
    manifest = build_manifest(parse_yaml(Source("m.yaml", one()), "PB100"))
    read = checkout(manifest, root=root, cache=root / ".cache", locked=None, environment=ENVIRONMENT, histories={})
    assert read.histories["a"][0].commit == done.lock.repos[0].commit
