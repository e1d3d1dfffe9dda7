"""Refs of a repository on this machine, by one process: the same as `ls-remote` tells."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_builder.checkout.advertised import read_advertised
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.runner import Remote
from tests.checkout.repositories import ENVIRONMENT, git, make_repository


def told(folder: Path) -> dict[str, str]:
    said = subprocess.run(
        ["git", "ls-remote", str(folder)], env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout
    return {name: commit for commit, _, name in (line.partition("\t") for line in said.splitlines())}


def plain(folder: Path) -> Path:
    (folder / "a").write_text("a")
    make_repository(folder)
    git(folder, "branch", "other/ü")
    git(folder, "tag", "-a", "v1", "-m", "one")
    return folder


def bare(folder: Path) -> Path:
    git(folder.parent, "clone", "-q", "--bare", str(plain(folder)), "bare.git")
    return folder.parent / "bare"  # which git finds with its ending


def linked(folder: Path) -> Path:
    git(plain(folder), "worktree", "add", "-q", "../linked", "other/ü")
    return folder.parent / "linked"


def empty(folder: Path) -> Path:
    git(folder, "init", "-q")
    return folder


@pytest.mark.parametrize("make", [plain, linked, empty])
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_the_same_is_told(make: Callable[[Path], Path], prefix: str, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    folder = make(tmp_path / "r")
    remote = Remote(url=f"{prefix}{folder}", local=True)
    assert read_advertised(Git(environment=ENVIRONMENT), remote) == told(folder)


def test_what_is_no_folder_or_no_repository_is_left_to_git(tmp_path: Path) -> None:
    where = Git(environment=ENVIRONMENT)
    (tmp_path / "r").mkdir()
    bare(tmp_path / "r")
    for url in (tmp_path / "nothing", tmp_path, tmp_path / "bare"):
        assert read_advertised(where, Remote(url=str(url), local=True)) is None
    assert read_advertised(where, Remote(url="https://example.com/r", local=False)) is None
