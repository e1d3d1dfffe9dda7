"""Checkouts that aren't what the lock says: found by their files, and said wherever something is made of them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import Checkouts, checkout
from pipeline_builder.checkout.edited import Checked, find_edited
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.unused import find_unused, take
from pipeline_builder.definition.ignored import NO_CODE
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository
from tests.workspaces import make_workspace

MANIFEST = build_manifest(
    parse_yaml(Source("m.yaml", "version: 1\nrepos:\n  - url: remotes/a\n  - url: remotes/b\n"), "PB100")
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "remotes" / name / "conf").mkdir(parents=True)
        (tmp_path / "remotes" / name / "conf" / "conf.yaml").write_text(f"name: {name}\n")
        make_repository(tmp_path / "remotes" / name)
    return tmp_path


def run(root: Path) -> Checkouts:
    return checkout(MANIFEST, root=root, cache=root / "cache", locked=None, environment=ENVIRONMENT)


def found(root: Path, lock: Lock, **environment: str) -> list[str]:
    asked = Git(environment={**ENVIRONMENT, **environment})
    checked = Checked(training=root / "aws-train", cache=root / "cache", ignored=NO_CODE)
    problems = find_edited(MANIFEST, lock, asked, checked)
    return [f"{problem.place} {problem.id} {problem.message}" for problem in problems]


def test_as_checked_out_nothing_is_said_and_no_git_is_started(root: Path) -> None:
    lock = run(root).lock
    run(root)
    before = sorted(path.name for path in (root / "cache").iterdir())
    program = root / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho started >>{root / 'started'}\n")
    program.chmod(0o755)
    assert found(root, lock, PATH=str(program.parent)) == []
    assert not (root / "started").exists()
    (root / "aws-train" / "a" / "__pycache__").mkdir()
    (root / "aws-train" / "a" / "__pycache__" / "x.pyc").write_text("compiled")
    for name in (".idea/settings", "conf/.conf.yaml.swp", "notes.md", "tests/test_it.py", "analysis.ipynb"):
        (root / "aws-train" / "a" / name).parent.mkdir(exist_ok=True)
        (root / "aws-train" / "a" / name).write_text("no code")
    assert found(root, lock) == []
    assert sorted(path.name for path in (root / "cache").iterdir()) == before


@pytest.mark.parametrize("edit", ["a line", "more.yaml", ".smpignore", "a file less", "at the same time"])
def test_an_edit_is_found(root: Path, edit: str) -> None:
    lock = run(root).lock
    path = root / "aws-train" / "b" / "conf" / "conf.yaml"
    status = path.stat()
    if edit in ("more.yaml", ".smpignore"):
        path.with_name(edit).write_text("")
    elif edit == "a file less":
        path.unlink()
    else:
        path.write_text("name: c\n" if edit == "at the same time" else "name: b\nmore: 1\n")
    if edit == "at the same time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    commit = lock.repos[1].commit[:12]
    said = f"m.yaml:4:10 PB159 the checkout of 'b' was edited: what is made of it is not the commit {commit}"
    assert found(root, lock) == [said]


def test_a_lock_of_another_commit_is_found(root: Path) -> None:
    lock = run(root).lock
    older = replace(lock, repos=(replace(lock.repos[0], commit="1" * 40), lock.repos[1]))
    commit = lock.repos[0].commit[:12]
    said = f"m.yaml:3:10 PB167 the checkout of 'a' is the commit {commit}, not 111111111111 of the lock"
    assert found(root, older) == [said]


@pytest.mark.parametrize("gone", ["cache", "cache/a.git", "cache/a.index", "aws-train/a", "cache/a.json"])
def test_of_what_nobody_knows_nothing_is_said(root: Path, gone: str) -> None:
    lock = run(root).lock
    (root / "aws-train" / "a" / "conf" / "conf.yaml").write_text("edited\n")
    path = root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert found(root, lock) == []


@pytest.mark.long
def test_what_is_planned_and_built_of_an_edit_says_so_once(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert workspace.call("checkout").code == 0
    commit = git(workspace.remote, "rev-parse", "HEAD")[:12]
    (tmp_path / "aws-train" / "churn" / "scripts" / "new.py").write_text("")
    for command in ("build", "plan", "apply"):
        ended = workspace.call(command)
        assert (ended.code, ended.err.count("PB159")) == (0, 1)
        assert f"the checkout of 'churn' was edited: what is made of it is not the commit {commit}" in ended.err
    assert "PB159" in workspace.call("checkout").err
    assert "PB159" not in workspace.call("plan").err


def test_what_another_workspace_with_this_state_has_checked_out_says_nothing_of_this_one(root: Path) -> None:
    """Neither is a folder taken for edited, nor for another commit; what was noted of one that is gone may go."""
    other, cache, later = root / "other", root / "cache", datetime(2100, 1, 1, tzinfo=timezone.utc)
    other.mkdir()
    (other / "remotes").symlink_to(root / "remotes")
    first = run(root).lock
    (root / "remotes" / "a" / "more.py").write_text("more\n")
    commit(root / "remotes" / "a", "more")
    for _ in range(2):
        there = checkout(MANIFEST, root=other, cache=cache, locked=None, environment=ENVIRONMENT)
        assert there.warnings == ()
    assert found(root, first) == []
    here = run(root)
    assert ([one.changed for one in here.repos], here.warnings) == ([True, False], ())
    (other / "aws-train" / "b" / "conf" / "conf.yaml").write_text("edited\n")
    asked, checked = Git(environment=ENVIRONMENT), Checked(training=other / "aws-train", cache=cache)
    (problem,) = find_edited(MANIFEST, there.lock, asked, checked)
    assert problem.message.startswith("the checkout of 'b' was edited")
    assert find_unused(cache, ["a", "b"], later, bound=None) == []
    shutil.rmtree(other)
    gone = find_unused(cache, ["a", "b"], later, bound=None)
    assert [(one.name[:2], len(one.paths)) for one in sorted(gone, key=lambda one: one.name)] == [("a@", 2), ("b@", 2)]
    take(cache, gone)
    assert [one.changed for one in run(root).repos] == [False, False]
