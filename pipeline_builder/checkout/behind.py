"""What the checkouts lack: commits that their revisions have by now, and changes that nobody has committed.

Nothing is fetched or written. A folder of this machine is asked for the commits in between; of another host it is known
only that its branch has moved. Each is asked once, all at a time, and what doesn't answer soon is said so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import Head
from pipeline_builder.checkout.remotes import fetch_heads, in_parallel
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.checkout.worktrees import WorkTree, commit_of_branch, look_at, look_at_plain
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.manifest.addresses import is_local
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.manifest.manifest import Repo

SOON = 3.0
"""Seconds that a look may take."""
_MOST_COMMITS = 5
_FIELDS = "%H%x00%s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that isn't checked out."""

    id: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What a repository's checkout lacks: it is at commit `has`, and its revision at `now`, empty where that isn't
    known. `commits` are the newest of those in between, of `count`, 0 where they can't be told. `uncommitted` says that
    its folder on this machine has changes that aren't committed, `unknown` why it couldn't be looked at.
    """

    repository: str
    revision: str
    has: str
    now: str = ""
    commits: tuple[Commit, ...] = ()
    count: int = 0
    uncommitted: bool = False
    unknown: str = ""

    @property
    def moved(self) -> bool:
        return bool(self.now) and self.now != self.has


def look_behind(
    repos: Sequence[Repo], lock: Lock, git: Git, remote: Callable[[Repo], Remote], *, jobs: int = 8
) -> tuple[Behind, ...]:
    """Return what each checkout lacks that lacks anything, in the order of the manifest; nothing of it fails.

    `git` is one that is patient for a moment only.
    """
    locked = {entry.name: entry for entry in lock.repos}
    asked = [repo for repo in repos if _is_asked(repo, locked.get(repo.name))]
    seen = _look(asked, git, remote, jobs)
    found = (_behind(repo, locked[repo.name], seen[repo.name], git, remote) for repo in asked)
    return tuple(one for one in found if one.moved or one.uncommitted or one.unknown)


def _is_asked(repo: Repo, entry: LockedRepo | None) -> bool:
    """Leave out what is at a fixed commit, and what the lock has otherwise, which other commands say."""
    return (
        entry is not None and not is_commit(repo.revision) and (entry.url, entry.revision) == (repo.url, repo.revision)
    )


def _look(
    repos: Sequence[Repo], git: Git, remote: Callable[[Repo], Remote], jobs: int
) -> dict[str, tuple[Head | PipelineBuilderError, WorkTree | None]]:
    """Return where each revision stands, and its working tree where the look at that has told it."""
    plain = [repo for repo in repos if is_local(repo.url) and not repo.path and not repo.credentials]
    looks = [partial(look_at_plain, git, Path(remote(repo).url.removeprefix("file://"))) for repo in plain]
    seen: dict[str, tuple[Head | PipelineBuilderError, WorkTree | None]] = {}
    for repo, tree in zip(plain, in_parallel(git, looks, jobs), strict=True):
        if isinstance(tree, WorkTree) and (commit := commit_of_branch(tree, repo.revision)):
            seen[repo.name] = Head(url=repo.url, revision=repo.revision, commit=commit), tree
    heads = fetch_heads([repo for repo in repos if repo.name not in seen], git, remote, jobs=jobs)
    return seen | {name: (head, None) for name, head in heads.items()}


def _behind(
    repo: Repo,
    entry: LockedRepo,
    seen: tuple[Head | PipelineBuilderError, WorkTree | None],
    git: Git,
    remote: Callable[[Repo], Remote],
) -> Behind:
    head, tree = seen
    found = Behind(repository=repo.name, revision=repo.revision, has=entry.commit)
    if isinstance(head, PipelineBuilderError):
        return replace(found, unknown=head.problems[0].message)
    if not is_local(repo.url):
        return replace(found, now=head.commit)
    top = Path(remote(repo).url.removeprefix("file://"))
    with suppress(GitError, OSError):
        found = replace(found, uncommitted=_is_changed(git, top / repo.path, tree))
        if head.commit == entry.commit or _tree(git, top, head.commit, repo.path) == entry.tree:
            return found  # commits that change nothing of it are none that it lacks
        found = replace(found, now=head.commit)
        commits, count = _between(git, top, entry.commit, head.commit, repo.path)
        found = replace(found, commits=commits, count=count)
    return found


def _is_changed(git: Git, folder: Path, tree: WorkTree | None) -> bool:
    return folder.is_dir() and bool((tree or look_at(git, folder)).changed)


def _tree(git: Git, top: Path, commit: str, path: str) -> str:
    return git.run(["rev-parse", "--verify", "--quiet", f"{commit}:{path}"], whose="machine", folder=top).strip()


def _between(git: Git, top: Path, old: str, new: str, path: str) -> tuple[tuple[Commit, ...], int]:
    """Return the newest commits from one to another that touch a folder, and how many there are; none where the old
    one is no ancestor, as after a forced push.
    """

    def ask(*arguments: str) -> str:
        return git.run(arguments, whose="machine", folder=top)

    where = ["--", path] if path else []
    try:
        ask("merge-base", "--is-ancestor", old, new)
    except GitError:
        return (), 0
    newest = ("log", f"--max-count={_MOST_COMMITS}", "--no-show-signature", f"--format={_FIELDS}")
    said = ask(*newest, f"{old}..{new}", *where)
    count = ask("rev-list", "--count", f"{old}..{new}", *where)
    return tuple(_commits(said)), int(count.strip() or 0)


def _commits(said: str) -> Iterator[Commit]:
    for line in said.split("\n"):
        commit, separator, subject = line.partition("\0")
        if separator:
            yield Commit(id=commit, subject=subject)
