"""Files of a commit out of what a checkout has fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.reading import MOST_FILE, find_paths, read_files
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from tests.checkout.repositories import commit, make_repository

GIT = Git(environment=os.environ)


@pytest.fixture
def fetched(tmp_path: Path) -> tuple[Path, str, str]:
    """Return a bare repository with two commits, and these."""
    remote = tmp_path / "remote"
    (remote / "conf").mkdir(parents=True)
    (remote / "conf" / "conf.yaml").write_text("one")
    (remote / "large").write_bytes(b"x" * (MOST_FILE + 1))
    make_repository(remote)
    first = commit(remote, "the same")
    (remote / "conf" / "conf.yaml").write_text("two")
    (remote / "a name.yaml").write_text("three")
    second = commit(remote, "more")
    bare = tmp_path / "bare.git"
    for one in (first, second):
        GIT.fetch(bare, Remote(url=str(remote), local=True), one)
    return bare, first, second


@pytest.mark.long
def test_files_of_any_commit_that_is_there(fetched: tuple[Path, str, str]) -> None:
    bare, first, second = fetched
    assert read_files(GIT, bare, first, ["conf/conf.yaml"]) == {"conf/conf.yaml": b"one"}
    assert read_files(GIT, bare, second, ["conf/conf.yaml", "a name.yaml"]) == {
        "conf/conf.yaml": b"two", "a name.yaml": b"three",
    }  # fmt: skip
    assert find_paths(GIT, bare, second) == ("a name.yaml", "conf/conf.yaml", "large")
    assert find_paths(GIT, bare, second, "conf") == ("conf/conf.yaml",)


def test_what_is_not_there_no_file_or_too_large_is_left_out(fetched: tuple[Path, str, str]) -> None:
    bare, first, _ = fetched
    assert read_files(GIT, bare, first, ["none", "conf", "large", "a\nb", "../x", "-x"]) == {}


@pytest.mark.parametrize("named", ["0" * 40, "main", "--all", "HEAD"])
def test_a_commit_that_is_not_there_or_none(fetched: tuple[Path, str, str], named: str) -> None:
    bare, _, _ = fetched
    with pytest.raises(GitError) as raised:
        read_files(GIT, bare, named, ["conf/conf.yaml"])
    assert raised.value.kind == "missing"


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="isn't among what checkouts have fetched"):
        find_paths(GIT, tmp_path / "none.git", "0" * 40)
