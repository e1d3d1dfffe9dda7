"""Working trees: at which commit the one around a folder is, and whether it has changes that aren't committed.

These are repositories of people, or of whoever gave them to people. Nothing that such a repository configures runs: no
fsmonitor, no hook, no filter, no transport; variables that name another repository, as git's hooks set them, are none
of ours. What git doesn't tell is said with its own words.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.checkout.runner import Runner
from pipeline_builder.checkout.words import GitError
from pipeline_builder.manifest.tags import TAGS

_MOST_ASKED = 1000
_STATUS = ["status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty"]
# What a repository can say of itself so that more has to be asked: filters, another working tree, other files.
_OF_EFFECT = re.compile(rb"filter|include|worktree", re.IGNORECASE)
# Or so that its refs are others than its files say, or than others see.
_OF_REFS = re.compile(rb"hiderefs|refstorage", re.IGNORECASE)
# Without a commit it may be a branch that has none yet, or one that is damaged.
_BRANCH = re.compile(r"# branch\.oid ([0-9a-f]{40,64})\0# branch\.head ([^\0]+)\0")
_DETACHED = "(detached)"
_FILTER_KEYS = ("clean", "smudge", "process", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """What is known of the working tree around a folder; in no repository there is no `top` and no `trouble`.

    `commit` is empty where there is none yet. `changed` is about the folder that was asked for, and None where that
    can't be told; `trouble` says why something can't. `branch` is the one that is checked out, where that was told
    in the same breath.
    """

    top: Path | None = None
    commit: str = ""
    changed: bool | None = False
    trouble: GitError | None = None
    branch: str = field(default="", compare=False)


def look_at(git: Runner, folder: Path) -> WorkTree:
    """Look at the working tree that a folder is in.

    Raises:
        GitError: kind "stopped".
    """
    top, commit = None, ""
    if found := look_at_plain(git, folder):
        return found
    try:
        top = _top(git, folder)
        if top is None:
            return WorkTree()
        commit = _commit(git, folder)
        return WorkTree(top=top, commit=commit, changed=_is_changed(git, folder, top))
    except GitError as error:
        if error.kind == "stopped":
            raise
        return WorkTree(top=top, commit=commit, changed=None, trouble=error)


def look_at_plain(git: Runner, folder: Path) -> WorkTree | None:
    """Look by one command at the top of a working tree whose configuration says nothing that needs another look.

    None where it does, or where git has something to say: then each is asked for by itself, for the words.
    """
    top = folder.resolve()
    inside = top / ".git"
    here = {"GIT_CEILING_DIRECTORIES": str(top.parent)}  # what is damaged here is not to be another one around it
    try:
        plain = stat.S_ISDIR(inside.lstat().st_mode) and not (inside / "commondir").exists()
        config = (inside / "config").read_bytes()
        if not plain or _OF_EFFECT.search(config):
            return None
        said = git.run([*_STATUS, "--branch", "--no-ahead-behind"], whose="machine", folder=top, extra=here)
    except GitError as error:
        if error.kind == "stopped":
            raise
        return None
    except OSError:
        return None
    found = _BRANCH.match(said)
    if found is None:
        return None
    entries = (entry for entry in said.split("\0") if entry and not entry.startswith("# "))
    branch = "" if _OF_REFS.search(config) or found[2] == _DETACHED else found[2]
    return WorkTree(top=top, commit=found[1], changed=any(entries), branch=branch)


def commit_of_branch(tree: WorkTree, revision: str) -> str:
    """Return the commit of a revision that is the branch which is checked out; empty where the refs are to be asked.

    So they are where a tag has the name as well, which they say in loose files or in one for many.
    """
    if tree.top is None or tree.branch != revision or revision.startswith("refs/"):
        return ""
    inside, tag = tree.top / ".git", f"{TAGS}{revision}"
    if os.path.lexists(inside / tag) or os.path.lexists(inside / "reftable"):
        return ""
    try:
        packed = (inside / "packed-refs").read_bytes()
    except FileNotFoundError:
        packed = b""
    except OSError:
        return ""
    return "" if f" {tag}\n".encode() in packed else tree.commit


def _top(git: Runner, folder: Path) -> Path | None:
    """Return the top of the working tree; None in no repository, or in one without a working tree."""
    try:
        said = git.run(["rev-parse", "--is-inside-work-tree", "--show-cdup"], whose="machine", folder=folder)
    except GitError as error:
        # What has a '.git' is meant to be one.
        meant = any(os.path.lexists(path / ".git") for path in (folder.resolve(), *folder.resolve().parents))
        if error.kind == "bare" or (error.kind == "none" and not meant):
            return None
        raise
    inside, _, up = said.partition("\n")
    return (folder.resolve() / up.strip()).resolve() if inside == "true" else None


def _commit(git: Runner, folder: Path) -> str:
    """Return the commit that is checked out; empty on a branch that has none yet."""
    try:
        return git.run(["rev-parse", "--verify", "HEAD"], whose="machine", folder=folder).strip()
    except GitError:
        pass
    try:  # which says why
        words = ["log", "--max-count=1", "--no-patch", "--no-show-signature", "--format=%H"]
        return git.run(words, whose="machine", folder=folder).strip()
    except GitError as error:
        if error.kind == "unborn":
            return ""
        raise


def _is_changed(git: Runner, folder: Path, top: Path) -> bool:
    """Tell whether there are changes in the folder, also staged or new ones; what is in submodules is no part of it.

    Raises:
        GitError: where it takes a filter to tell.
    """
    filters = _filters_of(git, folder)
    without = [
        (f"filter.{name}.{key}", "false" if key == "required" else "") for name in filters for key in _FILTER_KEYS
    ]
    arguments = ["status", "--porcelain=v1", *_STATUS[2:], "--", "."]
    said = git.run(arguments, whose="machine", config=without, folder=folder)
    entries = [entry for entry in said.split("\0") if entry]
    if not filters or any(not entry.startswith(" M ") for entry in entries):
        return bool(entries)
    paths = [entry[3:] for entry in entries[:_MOST_ASKED]]
    filtered = _filtered(git, top, paths, filters)
    if filtered and set(filtered) == set(paths):
        path, name = next(iter(filtered.items()))
        raise GitError("other", f"'{path}' goes through the filter '{name}' of the repository, which isn't run")
    return bool(entries)


def _filters_of(git: Runner, folder: Path) -> tuple[str, ...]:
    """Return the filters that the repository itself configures; those of the user and the system are the user's."""
    arguments = ["config", "-z", "--show-scope", "--name-only", "--get-regexp", r"^filter\."]
    try:
        said = git.run(arguments, whose="machine", folder=folder).split("\0")
    except GitError as error:
        if error.kind != "no answer":
            raise
        return ()
    found = {key for scope, key in zip(said[::2], said[1::2], strict=False) if scope not in ("global", "system")}
    return tuple(sorted({key.removeprefix("filter.").rpartition(".")[0] for key in found}))


def _filtered(git: Runner, top: Path, paths: list[str], filters: tuple[str, ...]) -> dict[str, str]:
    """Return which of the paths go through one of the filters, and which that is."""
    if not paths:
        return {}
    said = git.run(["check-attr", "-z", "filter", "--", *paths], whose="machine", folder=top).split("\0")
    return {path: value for path, _, value in zip(said[::3], said[1::3], said[2::3], strict=False) if value in filters}
