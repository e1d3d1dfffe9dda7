"""Pins: whether the commits of submodules that a lock has still are on a branch or tag of their repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.gitmodules import FILE, Named, RefusedError, like, submodule_repo
from pipeline_builder.checkout.remotes import failure_of, in_parallel
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.manifest.addresses import is_local
from pipeline_builder.manifest.lock import LockedRepo, LockedSubmodule
from pipeline_builder.manifest.manifest import Repo

LOST = "PB144"
Answer = Problem | PipelineBuilderError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """Problems of the submodules of each repository, and why some couldn't be told, both by its name."""

    problems: Mapping[str, tuple[Problem, ...]]
    failures: Mapping[str, tuple[PipelineBuilderError, ...]]


def look_at_pins(
    repos: Sequence[Repo],
    locked: Mapping[str, LockedRepo],
    git: Git,
    remote: Callable[[Repo], Remote],
    *,
    jobs: int,
) -> Pins:
    """Look for every submodule of a lock in its repository's branches and tags; each address and commit once."""
    asked = [*_asked(repos, locked)]
    once = {(one.url, one.commit): (repo, one) for repo, one in asked}
    work = [partial(_look, repo, one, git, remote) for repo, one in once.values()]
    answers: dict[tuple[str, str], Answer] = dict(zip(once, in_parallel(git, work, jobs), strict=True))
    problems: dict[str, tuple[Problem, ...]] = {}
    failures: dict[str, tuple[PipelineBuilderError, ...]] = {}
    for repo, one in asked:
        answer = answers[one.url, one.commit]
        if isinstance(answer, Problem):
            said = answer if answer.id != LOST else _lost(repo, one)
            problems[repo.name] = (*problems.get(repo.name, ()), said)
        elif answer is not None:
            failures[repo.name] = (*failures.get(repo.name, ()), answer)
    return Pins(problems=problems, failures=failures)


def _asked(repos: Sequence[Repo], locked: Mapping[str, LockedRepo]) -> Iterator[tuple[Repo, LockedSubmodule]]:
    for repo in repos:
        entry = locked.get(repo.name)
        if repo.submodules and entry and entry.url == repo.url:
            yield from ((repo, one) for one in entry.submodules or ())


def _look(repo: Repo, one: LockedSubmodule, git: Git, remote: Callable[[Repo], Remote]) -> Problem | None:
    """Return a problem where the commit is on no branch and no tag.

    Raises:
        OutsideFailure: that can't be told.
    """
    try:
        found = _repo_of(repo, one)
    except RefusedError as error:
        message = f"the submodule '{one.path}' of '{repo.name}' in the lock isn't asked: {error}"
        return Problem(id="PB821", message=message, place=repo.place, hint=error.hint)
    asked = remote(found)
    try:
        with temporary_folder() as folder:
            return None if git.leads_to(asked, one.commit, folder / "history.git") else _lost(repo, one)
    except GitError as error:
        raise failure_of(found, error, asked) from error


def _repo_of(repo: Repo, one: LockedSubmodule) -> Repo:
    """Return the repository of a submodule in a lock, where its address stands as it was fetched from."""
    if is_local(one.url):
        return like(repo, f"{repo.name}/{one.path}", one.url)
    named = Named(name=one.path, url=one.url, line=0, text=FILE)
    return submodule_repo(repo, repo, one.path, named, Path())


def _lost(repo: Repo, one: LockedSubmodule) -> Problem:
    message = (
        f"the locked commit {one.commit[:12]} of the submodule '{one.path}' of '{repo.name}' is on no branch and no "
        "tag of its repository"
    )
    hint = "it was taken back by a forced push, or is somebody else's: let the repository name one that is on a branch"
    return Problem(id=LOST, message=message, place=repo.revision_place, hint=hint)
