"""Remotes: where repositories' revisions stand, and what git says of a repository as a problem of the manifest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.checkout.git import MOST_BYTES, MOST_FILES, MOST_FOLDERS, MOST_LETTERS, Git
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.refusals import full, says_full
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.manifest.tags import tag_pattern

if TYPE_CHECKING:  # a checkout asks for no heads
    from pipeline_builder.checkout.heads import Head

Outcome = TypeVar("Outcome")

_HINTS = {
    "host unknown": "write the keys that the host publishes as 'known_hosts' of the repository ('ssh-keyscan HOST' "
    "shows what it has now: compare them)",
    "host changed": "somebody may be in between; where the host says that its keys are new, write them in known_hosts",
    "key refused": "give the public half of the key to the repository, as a deploy key that may read",
    "key unusable": "the file has to be a private key that only its owner may read: chmod 600",
    "no ssh": "install OpenSSH's client, or use an https url",
    "port refused": "nothing listens there: look at the port of the url (ssh://git@HOST:PORT/…), or take https",
    "not found": "check the url; many hosts say that too of what a login, or none, may not read",
    "page": "log in at it in a browser, behind a portal; or the url is that of a page: write the one to clone from",
    "gone": "its history was rewritten, or the branch deleted: 'pipeline-builder checkout' without --locked takes what "
    "is there now",
    "unreachable": "check the url, and that this machine reaches it",
    "ambiguous": "write refs/heads/… or refs/tags/…",
    "large": f"at most {MOST_FILES} files, {MOST_BYTES // 1024**3} GiB are checked out; name a folder with 'path: …'",
    "deep": f"at most {MOST_FOLDERS} folders, {MOST_LETTERS} bytes, 255 in a name; or name a folder with 'path: …'",
}
_IDS = {
    "absent": "PB150",
    "unreachable": "PB151",
    "port refused": "PB151",
    "not found": "PB139",
    "moved": "PB137",
    "page": "PB136",
    "gone": "PB152",
    "missing": "PB152",
    "no commit": "PB152",
    "no folder": "PB153",
    "large": "PB154",
    "deep": "PB166",
    "authentication": "PB155",
    "host unknown": "PB127",
    "host changed": "PB128",
    "key refused": "PB129",
    "key unusable": "PB123",
    "no ssh": "PB130",
    "ambiguous": "PB156",
    "timeout": "PB151",
}


def head_of(repo: Repo, remote: Remote, git: Git) -> str:
    """Return the commit that the repository's revision names now; a commit id names itself, and nobody is asked.

    Raises:
        GitError: where the remote can't be asked, or has no such revision.
    """
    revision = repo.revision
    if is_commit(revision):
        return revision
    return git.resolve(remote, revision)


def failure_of(repo: Repo, error: GitError, remote: Remote | None = None) -> OutsideFailure:
    """Return what git said about a repository as a problem at its place in the manifest."""
    name, revision = repo.name, repo.revision
    if says_full(str(error)):
        return OutsideFailure(replace(full(f"the repository '{name}': {error}"), place=repo.place))
    problem_id = _IDS.get(error.kind, "PB157")
    at_revision = error.kind in ("missing", "ambiguous", "no commit")
    messages = {
        "missing": f"the repository '{name}' has no {_named(revision)}"
        if not tag_pattern(revision)
        else f"the repository '{name}': {error}",
        "unreachable": f"the repository '{name}' cannot be reached: {error}",
        "port refused": f"the repository '{name}' cannot be reached: {error}",
        "not found": f"the repository '{name}' isn't there, or may not be read: {error}",
        "moved": f"the repository '{name}' has moved: {error}",
        "page": f"there is no repository at the url of '{name}': {error}",
        "authentication": f"the repository '{name}' refused the login: {error}",
        "host unknown": f"the host of the repository '{name}' isn't known: {error}",
        "host changed": f"the host of the repository '{name}' has another key than the one that is known: {error}",
        "key refused": f"the host of the repository '{name}' doesn't take the ssh key: {error}",
    }
    message = str(messages.get(error.kind, f"the repository '{name}': {error}"))
    place = repo.revision_place if at_revision else repo.place
    asked = repo.path if error.kind == "no folder" else plain_name(revision)
    close = did_you_mean(asked, map(inert_line, error.known)) if error.known else None
    hint = error.hint or close or _HINTS.get(error.kind)
    if error.kind in ("authentication", "not found") and remote and remote.hint and repo.credentials:
        hint = remote.hint if error.kind == "authentication" else f"check the url; or else {remote.hint}"
    elif error.kind == "authentication" and remote and remote.hint:
        hint = remote.hint
    if error.kind == "key refused" and repo.credentials is None:
        hint = "load a key that may read it into your ssh agent, or name one: 'credentials: ssh:PATH'"
    if error.kind == "key refused" and repo.credentials and repo.credentials.kind == "ssh":
        hint = f"{hint}; one with a password has to be in your ssh agent"
    if re.search(r"unable to write|write error|unable to create", str(error)):
        hint = "the disk is full, or can't be written: make room, and do the same again"
    return OutsideFailure(Problem(id=problem_id, message=message, place=place, hint=hint))


def plain_name(revision: str) -> str:
    """Return a branch's or a tag's name without what says which of them it is."""
    return revision.removeprefix("refs/heads/").removeprefix("refs/tags/")


def _named(revision: str) -> str:
    kind = (
        "tag" if revision.startswith("refs/tags/") else "branch" if revision.startswith("refs/heads/") else "revision"
    )
    return f"{kind} '{plain_name(revision)}'"


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

    with git.looks.kept(), ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="git") as pool:
        try:
            return tuple(pool.map(attempt, work))
        except BaseException:
            git.stopped.set()
            git.looks.sever()
            raise


def fetch_heads(
    repos: Sequence[Repo], git: Git, remote: Callable[[Repo], Remote], *, jobs: int = 8
) -> dict[str, Head | PipelineBuilderError]:
    """Return where each repository's revision stands now, or why that can't be told, by name.

    Repositories that are folders of the same one are asked for once.
    """

    def ask(repo: Repo) -> str | tuple[GitError, Remote]:
        found = remote(repo)
        try:
            return head_of(repo, found, git)
        except GitError as error:
            return error, found

    first = {question_of(repo): repo for repo in reversed(repos)}
    answers = in_parallel(git, [partial(ask, repo) for repo in first.values()], jobs)
    by_question = dict(zip(first, answers, strict=True))
    return {repo.name: _head(repo, by_question[question_of(repo)]) for repo in repos}


def question_of(repo: Repo) -> tuple[object, ...]:
    """Return what two repositories have in common that are one to their remote."""
    connection = repo.connection if repo.trigger.kind == "connection" else ""
    return repo.url, repo.revision, repr(repo.credentials), connection, repo.full_name, repo.known_hosts


def _head(repo: Repo, answer: str | tuple[GitError, Remote] | PipelineBuilderError) -> Head | PipelineBuilderError:
    if isinstance(answer, tuple):
        return failure_of(repo, *answer)
    if isinstance(answer, PipelineBuilderError):
        return answer
    from pipeline_builder.checkout.heads import Head

    return Head(url=repo.url, revision=repo.revision, commit=answer)
