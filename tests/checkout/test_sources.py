"""Folders of one repository: one look, one fetch, one commit, and of its files those of the folders only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import Checkouts
from pipeline_builder.errors import OutsideFailure
from tests.checkout.repositories import commit, git, make_certificate, make_repository, serve
from tests.checkout.test_checkout import run as run_checkout

MEGABYTE = 1_000_000


def run(root: Path, manifest: str, trusted: dict[str, str] | None = None) -> Checkouts:
    return run_checkout(root, manifest, locked=None, **(trusted or {}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    remote = tmp_path / "remotes" / "all"
    for name in ("a", "b", "unused"):
        (remote / name / "conf").mkdir(parents=True)
        (remote / name / "conf" / "conf.yaml").write_text(f"name: {name}\n")
    for name in ("a", "unused"):
        (remote / name / "data.bin").write_bytes(os.urandom(MEGABYTE))
    make_repository(remote)
    git(remote, "config", "uploadpack.allowFilter", "true")
    return tmp_path


@contextmanager
def served(root: Path, *, old: bool = False) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    certificate = make_certificate(root / "certificate.pem")
    with serve(root / "remotes", certificate=certificate, old=old) as (url, log):
        yield f"{url}/all", log, {"GIT_SSL_CAINFO": str(certificate)}


def folders(url: str, *paths: str) -> str:
    lines = "".join(f"  - {{name: {path.strip('.') or 'whole'}, url: '{url}', path: '{path}'}}\n" for path in paths)
    return f"version: 1\nrepos:\n{lines}"


def size(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / ".cache").rglob("*.pack"))


def read(root: Path, name: str) -> str:
    return (root / "aws-train" / name / "conf" / "conf.yaml").read_text()


def told(done: Checkouts) -> list[tuple[str, bool, bool]]:
    return [(repo.name, repo.changed, repo.fetched > 0) for repo in done.repos]


@pytest.mark.long
def test_one_look_one_fetch_and_the_named_folders_only(root: Path) -> None:
    with served(root) as (url, log, trusted):
        done = run(root, folders(url, "a", "b"), trusted)
        # The commit that the branch is at, with its trees; the files of both folders.
        assert log.count("GET git-upload-pack") == 2
        assert told(done) == [("a", True, True), ("b", True, False)]
        assert len({repo.commit for repo in done.lock.repos}) == 1
        assert MEGABYTE < size(root) < 1.1 * MEGABYTE
        assert abs(sum(repo.fetched for repo in done.repos) - size(root)) == 0
        assert [path.name for path in (root / ".cache").glob("*.git")] == ["a.git"]
        assert (read(root, "a"), read(root, "b")) == ("name: a\n", "name: b\n")
        assert (root / "aws-train" / "a" / "data.bin").stat().st_size == MEGABYTE
        log.clear()
        assert told(run(root, folders(url, "a", "b"), trusted)) == [("a", False, False), ("b", False, False)]
        assert log == ["GET git-upload-pack", "POST git-upload-pack"]


@pytest.mark.long
def test_a_push_to_one_folder_brings_that_one(root: Path) -> None:
    with served(root) as (url, _, trusted):
        run(root, folders(url, "a", "b"), trusted)
        before = size(root)
        (root / "remotes" / "all" / "b" / "conf" / "conf.yaml").write_text("name: new\n")
        commit(root / "remotes" / "all", "second")
        done = run(root, folders(url, "a", "b"), trusted)
        assert [repo.changed for repo in done.repos] == [False, True]
        assert (read(root, "b"), size(root) - before < 5000) == ("name: new\n", True)


@pytest.mark.long
@pytest.mark.parametrize("names", [("a", "a/conf"), ("a/conf", "a"), (":(top)odd", "b"), ("q*[x] y", "b")])
def test_folders_in_each_other_and_of_odd_names(root: Path, names: tuple[str, str]) -> None:
    for name in (":(top)odd", "q*[x] y"):
        (root / "remotes" / "all" / name / "conf").mkdir(parents=True)
        (root / "remotes" / "all" / name / "conf" / "conf.yaml").write_text(f"name: {name}\n")
    commit(root / "remotes" / "all", "odd names")
    with served(root) as (url, _, trusted):
        entries = "".join(f"  - {{name: r{n}, url: '{url}', path: '{name}'}}\n" for n, name in enumerate(names))
        run(root, f"version: 1\nrepos:\n{entries}", trusted)
    for number, name in enumerate(names):
        folder = root / "aws-train" / f"r{number}"
        kept = folder / "conf.yaml" if name.endswith("conf") else folder / "conf" / "conf.yaml"
        assert kept.read_text() == f"name: {name.partition('/')[0]}\n"


@pytest.mark.long
@pytest.mark.parametrize("what", ["a file", "a link", "nothing"])
def test_what_is_no_folder_any_more_is_said(root: Path, what: str) -> None:
    with served(root) as (url, _, trusted):
        run(root, folders(url, "a", "b"), trusted)
        folder = root / "remotes" / "all" / "b"
        shutil.rmtree(folder)
        if what == "a file":
            folder.write_text("name: b\n")
        elif what == "a link":
            folder.symlink_to("a")
        commit(root / "remotes" / "all", "second")
        with pytest.raises(OutsideFailure, match="PB153 the repository 'b': there is no folder 'b' in the commit"):
            run(root, folders(url, "a", "b"), trusted)
    assert (read(root, "a"), read(root, "b")) == ("name: a\n", "name: b\n")


@pytest.mark.long
def test_folders_come_and_go_and_the_whole_of_it_too(root: Path) -> None:
    with served(root) as (url, _, trusted):
        run(root, folders(url, "b"), trusted)
        assert size(root) < 5000
        run(root, folders(url, "b", "unused"), trusted)
        assert read(root, "unused") == "name: unused\n"
        done = run(root, folders(url, "b", "."), trusted)
        whole = root / "aws-train" / "whole"
        assert (whole / "a" / "data.bin").stat().st_size == MEGABYTE
        assert len(done.lock.repos) == 2


@pytest.mark.long
@pytest.mark.parametrize("way", ["no filters", "no ids", "a folder", "file"])
def test_where_the_server_cannot_all_of_it_comes_once(root: Path, way: str) -> None:
    """Without filters git sends all; a server of the old protocol leaves files out and then gives none by its id."""
    git(root / "remotes" / "all", "config", "uploadpack.allowFilter", "false" if way == "no filters" else "true")
    if way in ("a folder", "file"):
        url = "remotes/all" if way == "a folder" else f"file://{root}/remotes/all"
        done = run(root, folders(url, "a", "b"))
    else:
        with served(root, old=way == "no ids") as (url, log, trusted):
            done = run(root, folders(url, "a", "b"), trusted)
            assert log.count("GET git-upload-pack") <= 4
    assert told(done)[1] == ("b", True, False)
    assert (read(root, "a"), read(root, "b")) == ("name: a\n", "name: b\n")


def test_one_that_fails_keeps_no_other(root: Path) -> None:
    with served(root) as (url, _, trusted):
        with pytest.raises(OutsideFailure) as caught:
            run(root, folders(url, "a", "none", "b"), trusted)
        assert [problem.id for problem in caught.value.problems] == ["PB153"]
        assert (read(root, "a"), read(root, "b")) == ("name: a\n", "name: b\n")


@pytest.mark.long
def test_what_is_missing_from_a_cache_is_had_again(root: Path) -> None:
    with served(root) as (url, _, trusted):
        run(root, folders(url, "a", "b"), trusted)
        packs = sorted((root / ".cache" / "a.git" / "objects" / "pack").glob("*.pack"), key=lambda p: p.stat().st_size)
        for suffix in (".pack", ".idx", ".promisor"):
            packs[-1].with_suffix(suffix).unlink()
        (root / "aws-train" / "a" / "data.bin").unlink()
        run(root, folders(url, "a", "b"), trusted)
        assert (root / "aws-train" / "a" / "data.bin").stat().st_size == MEGABYTE


@pytest.mark.long
def test_caches_of_each_folder_by_itself_go(root: Path) -> None:
    with served(root) as (url, _, trusted):
        run(root, folders(url, "b"), trusted)
        run(root, folders(url, "a", "b"), trusted)
        assert [path.name for path in (root / ".cache").glob("*.git")] == ["a.git"]


@pytest.mark.long
def test_a_folder_of_too_many_files_is_refused_before_they_come(root: Path) -> None:
    remote = root / "remotes" / "all"
    blob = git(remote, "hash-object", "-w", "a/conf/conf.yaml")
    tree = git(remote, "mktree", text="".join(f"100644 blob {blob}\tf{number}\n" for number in range(230)))
    for _ in range(2):
        lines = "".join(f"040000 tree {tree}\td{number}\n" for number in range(230))
        tree = git(remote, "mktree", text=lines)
    top = git(remote, "mktree", text=f"040000 tree {tree}\tbomb\n")
    git(remote, "update-ref", "refs/heads/bomb", git(remote, "commit-tree", "-m", "x", top))
    with served(root) as (url, _, trusted), pytest.raises(OutsideFailure, match="PB154"):
        run(root, folders(url, "bomb").replace("path:", "revision: bomb, path:"), trusted)
