"""Earlier commits for people to look at: what they cost, and that nobody waits for them twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline_builder.checkout import earlier
from pipeline_builder.checkout.bare import make_bare
from pipeline_builder.checkout.earlier import Earlier, earlier_of, fetch_earlier
from pipeline_builder.checkout.leftovers import clear_cache
from pipeline_builder.checkout.runner import Remote, Runner
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository
from tests.checkout.test_leftovers import silent_server

GIT = Runner(environment=ENVIRONMENT)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    made = tmp_path / "cache" / "churn.git"
    make_bare(GIT, made, long_ids=False)
    return made


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "x").write_text("0")
    return make_repository(folder)


def at(folder: Path) -> Remote:
    return Remote(url=folder.as_uri(), local=True)


def push(folder: Path, text: str) -> str:
    (folder / "x").write_text(text)
    return commit(folder, text)


def test_only_what_is_new_comes_each_time(bare: Path, remote: Path) -> None:
    for number in range(1, 4):
        fetch_earlier(GIT, bare, at(remote), head := push(remote, str(number)), names=False)
    assert len(Earlier(GIT, bare).ancestry(head)) == 4
    facts = dict(line.split(": ") for line in git(earlier_of(bare), "count-objects", "-v").splitlines())
    assert int(facts["in-pack"]) == 3 * 4  # a local host leaves no files out: commit, folder and file, each once


def test_a_branch_that_was_set_anew_comes_as_it_is(bare: Path, remote: Path) -> None:
    fetch_earlier(GIT, bare, at(remote), push(remote, "1"), names=False)
    git(remote, "reset", "--quiet", "--hard", "HEAD~1")
    fetch_earlier(GIT, bare, at(remote), head := push(remote, "2"), names=False)
    assert head in Earlier(GIT, bare).ancestry(head)


def test_a_host_without_an_answer_is_asked_once_a_day(
    bare: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = push(remote, "1")
    with monkeypatch.context() as patched, silent_server() as (url, _):
        patched.setattr(earlier, "_PATIENCE", 0.1)
        fetch_earlier(GIT, bare, Remote(url=url, local=False), head, names=False)
    fetch_earlier(GIT, bare, at(remote), head, names=False)
    assert head not in Earlier(GIT, bare).ancestry(head)
    os.utime(bare / "earlier_slow", (0, 0))
    fetch_earlier(GIT, bare, at(remote), head, names=False)
    assert head in Earlier(GIT, bare).ancestry(head)


def test_what_a_fetch_that_was_killed_has_left_goes(bare: Path, remote: Path) -> None:
    head = push(remote, "1")
    fetch_earlier(GIT, bare, at(remote), head, names=False)
    packs = earlier_of(bare) / "objects" / "pack"
    for left in (packs / "tmp_pack_1", packs / "pack-1.pack", earlier_of(bare) / "shallow.lock"):
        left.write_bytes(b"half")
    clear_cache(bare.parent, [bare])
    assert {path.suffix for path in packs.iterdir()} <= {".pack", ".idx", ".promisor", ".rev"}
    assert len([*packs.glob("*.pack")]) == 1
    fetch_earlier(GIT, bare, at(remote), head := push(remote, "2"), names=False)
    assert head in Earlier(GIT, bare).ancestry(head)
