"""Remotes: where git finds a repository of the manifest, and the token that it shows there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline_builder.checkout.git import MOST_BYTES, MOST_FILES, MOST_FOLDERS, MOST_LETTERS, Git
from pipeline_builder.checkout.heads import Head
from pipeline_builder.checkout.runner import GitError, Remote
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.machine.refusals import full, says_full
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.manifest.secrets import read_named
from pipeline_builder.target import SecretReader

Outcome = TypeVar("Outcome")

_COMMIT = (40, 64)
_HINTS = {
    "authentication": "name a token with 'credentials: env:NAME', and check that it may read the repository",
    "unreachable": "check the url, and that this machine reaches it",
    "ambiguous": "write refs/heads/… or refs/tags/…",
    "large": f"at most {MOST_FILES} files, {MOST_BYTES // 1024**3} GiB are checked out; name a folder with 'path: …'",
    "deep": f"at most {MOST_FOLDERS} folders, {MOST_LETTERS} bytes, 255 in a name; or name a folder with 'path: …'",
}
_IDS = {
    "absent": "PB150",
    "unreachable": "PB151",
    "missing": "PB152",
    "no commit": "PB152",
    "large": "PB154",
    "deep": "PB166",
    "authentication": "PB155",
    "ambiguous": "PB156",
    "timeout": "PB151",
}


def no_secrets(secret: str) -> str:
    """Read no secret: for whoever has no AWS at hand."""
    raise InputProblems(Problem(id="PB164", message=f"the secret '{secret}' cannot be read here"))


def remote_of(repo: Repo, root: Path, environment: Mapping[str, str], read_secret: SecretReader = no_secrets) -> Remote:
    """Return the repository's address, relative ones from the manifest's folder `root`, with its token.

    Raises:
        InputProblems: PB110 for a variable that isn't set, PB164 for a secret that isn't what its id says.
    """
    url, local = repo.url, is_local(repo.url)
    if local and not url.startswith("file://"):
        url = str((root / url).resolve())
    return Remote(url=url, local=local, token=_token(repo, environment, read_secret))


def is_local(url: str) -> bool:
    """Tell whether the address is a folder of this machine; `user@host:path` is none."""
    scp = ":" in url.split("/", maxsplit=1)[0] and "://" not in url
    return url.startswith("file://") or ("://" not in url and not scp)


def _token(repo: Repo, environment: Mapping[str, str], read_secret: SecretReader) -> str:
    kind, _, name = repo.credentials.partition(":")
    if kind == "secretsmanager":
        return read_named(name, read_secret, whose=f"the repository '{repo.name}'", place=repo.place)
    if kind and not environment.get(name):
        message = f"the repository '{repo.name}' takes its token from '{name}', which is not set"
        raise InputProblems(Problem(id="PB110", message=message, place=repo.place))
    return environment.get(name, "")


def head_of(repo: Repo, remote: Remote, git: Git) -> str:
    """Return the commit that the repository's revision names now; a commit id names itself, and nobody is asked.

    Raises:
        GitError: where the remote can't be asked, or has no such revision.
    """
    revision = repo.revision
    if len(revision) in _COMMIT and all(char in "0123456789abcdef" for char in revision):
        return revision
    return git.resolve(remote, revision)


def failure_of(repo: Repo, error: GitError) -> OutsideFailure:
    """Return what git said about a repository as a problem at its place in the manifest."""
    name, revision = repo.name, repo.revision
    if says_full(str(error)):
        return OutsideFailure(replace(full(f"the repository '{name}': {error}"), place=repo.place))
    missing_folder = error.kind == "missing" and "folder" in str(error)
    problem_id = "PB153" if missing_folder else _IDS.get(error.kind, "PB157")
    at_revision = error.kind in ("missing", "ambiguous", "no commit")
    messages = {
        "missing": f"the repository '{name}' has no revision '{revision}'",
        "unreachable": f"the repository '{name}' cannot be reached: {error}",
        "authentication": f"the repository '{name}' refused the login: {error}",
    }
    message = str(messages.get(error.kind, f"the repository '{name}': {error}"))
    if missing_folder:
        message = f"the repository '{name}': {error}"
    place = repo.revision_place if at_revision and not missing_folder else repo.place
    hint = did_you_mean(revision, error.known) if error.known else error.hint or _HINTS.get(error.kind)
    if re.search(r"unable to write|write error|unable to create", str(error)):
        hint = "the disk is full, or can't be written: make room, and do the same again"
    return OutsideFailure(Problem(id=problem_id, message=message, place=place, hint=hint))


def in_parallel(
    git: Git, work: Sequence[Callable[[], Outcome]], jobs: int
) -> tuple[Outcome | PipelineBuilderError, ...]:
    """Do several things with git at once; an expected failure is the outcome of that one thing.

    Interrupted, it ends what runs: a server that doesn't answer keeps nobody.
    """

    def attempt(run: Callable[[], Outcome]) -> Outcome | PipelineBuilderError:
        try:
            return run()
        except PipelineBuilderError as error:
            return error

    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="git") as pool:
        try:
            return tuple(pool.map(attempt, work))
        except BaseException:
            git.stopped.set()
            raise


def fetch_heads(
    repos: Sequence[Repo], git: Git, remote: Callable[[Repo], Remote], *, jobs: int = 8
) -> dict[str, Head | PipelineBuilderError]:
    """Return where each repository's revision stands now, or why that can't be told, by name.

    Repositories that are folders of the same one are asked for once.
    """

    def ask(repo: Repo) -> str | GitError:
        try:
            return head_of(repo, remote(repo), git)
        except GitError as error:
            return error

    first = {_same_question(repo): repo for repo in reversed(repos)}
    answers = in_parallel(git, [partial(ask, repo) for repo in first.values()], jobs)
    by_question = dict(zip(first, answers, strict=True))
    return {repo.name: _head(repo, by_question[_same_question(repo)]) for repo in repos}


def _same_question(repo: Repo) -> tuple[str, str, str]:
    return repo.url, repo.revision, repo.credentials


def _head(repo: Repo, answer: str | GitError | PipelineBuilderError) -> Head | PipelineBuilderError:
    if isinstance(answer, GitError):
        return failure_of(repo, answer)
    if isinstance(answer, PipelineBuilderError):
        return answer
    return Head(url=repo.url, revision=repo.revision, commit=answer)
