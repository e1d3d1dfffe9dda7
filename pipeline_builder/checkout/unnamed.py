"""Unnamed: commits of servers that give out none by its id, only what branches and tags stand at.

Those that speak git's first protocol only are such, unless they are told to be otherwise. What a lock has, what is
pinned, and what was a branch's a moment ago is found in the history there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.checkout.access import Settings
from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.words import GitError


def fetch_commit(
    git: Runner, repository: Path, remote: Remote, commit: str, options: Sequence[str], *, config: Settings = ()
) -> None:
    """Get a commit by its id into a bare repository, or else with all branches and tags and their history.

    `options` are those of the fetch by the id, `config` is on top of what is always set.

    Raises:
        GitError: it can't be had.
    """
    arguments = ["fetch", "--quiet", *options, "--no-tags", "--no-write-fetch-head", "--", remote.url]
    try:
        git.run([*arguments, commit], repository=repository, remote=remote, config=config)
    except GitError as error:
        if not error.of_no_id:
            raise
        _fetch_all(git, repository, remote, config)
        if not has_commit(git, repository, commit):
            raise


def _fetch_all(git: Runner, repository: Path, remote: Remote, config: Settings) -> None:
    whole = ["--unshallow"] if (repository / "shallow").exists() else []
    refs = [f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags")]
    arguments = ["fetch", "--quiet", *whole, "--prune", "--no-tags", "--no-write-fetch-head", "--", remote.url, *refs]
    git.run(arguments, repository=repository, remote=remote, config=config)


def has_commit(git: Runner, repository: Path, commit: str) -> bool:
    """Tell whether a repository has a commit, and its files or at least their names."""
    try:
        git.run(["rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}^{{tree}}"], repository=repository)
    except GitError:
        return False
    return True
