"""Sources: one repository at one revision, of which several entries of the manifest may be folders.

It is looked at once, fetched once, and at one commit for all of them. Where only folders are asked for, commits come
without files, and the files of these folders in one more fetch; a server that can't do that sends all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.checkout.authors import read_history
from pipeline_builder.checkout.bare import is_partial, is_whole, size_of
from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.checkout.git import MOST_FILES, Git
from pipeline_builder.checkout.remotes import head_of, question_of
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.checkout.worktrees import WorkTree, commit_of_branch, look_at_plain
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.manifest.history import Written
from pipeline_builder.manifest.manifest import Repo

_AT_ONCE = 20_000
"""Objects that one fetch names: they are arguments, of which the system takes two megabytes."""

_SET_ANEW = "it was pushed, or set anew, just now: do the same again; else the server's repository is damaged"


class Source:
    """What entries that are folders of one repository have in common; only one thread is at work on it.

    `fetched` counts the bytes that came from the remote, `had` is the commit that came with the look, `completed` the
    one whose files are all there: what another entry had to look for and get, the next one has. `tree` is the working
    tree, where the look at the head has told of it.
    """

    def __init__(self, git: Git, bare: Path, repos: tuple[Repo, ...]) -> None:
        self.git = git
        self.bare = bare
        self.repos = repos
        self.fetched = 0
        self.completed = ""
        self.had = ""
        self.whole = any(not repo.path for repo in repos)
        self.looked: str | GitError = ""
        self.read: dict[str, tuple[Written, ...]] = {}
        self.tree: WorkTree | None = None

    def head(self, remote: Remote) -> str:
        """Return the commit that the revision names now: who is asked once gives all the same answer.

        Raises:
            GitError: as `head_of`.
        """
        if not self.looked:
            try:
                self.looked = (
                    self.fetched_head(remote) or self.seen_head(remote) or head_of(self.repos[0], remote, self.git)
                )
            except GitError as error:
                self.looked = error
        if isinstance(self.looked, GitError):
            raise self.looked
        return self.looked

    def fetched_head(self, remote: Remote) -> str:
        """Return the commit that the revision names, and have it; empty where that takes a look first.

        What is there already need not come again, so that it is looked at first as well.
        """
        revision = self.repos[0].revision
        if is_whole(self.bare) or is_commit(revision):
            return ""
        files = self.whole or remote.local
        if files and (found := self.git.named(remote, revision)):
            return found
        with self.counted():
            self.had = self.git.fetch_named(self.bare, remote, revision, files=files)
        return self.had

    def seen_head(self, remote: Remote) -> str:
        """Return the commit of the branch that is checked out in a folder of this machine, where the revision is that.

        Empty where the refs are to be asked for. Whether such a folder has changes is asked anyhow, and one process of
        git tells both; it is kept as `tree`.
        """
        first = self.repos[0]
        if not remote.local or not self.whole or first.credentials or is_commit(first.revision):
            return ""
        self.tree = look_at_plain(self.git, Path(remote.url.removeprefix("file://")))
        return commit_of_branch(self.tree, first.revision) if self.tree else ""

    def fetch(self, remote: Remote, commit: str) -> None:
        """Have the commit, and its files or at least their names.

        Raises:
            GitError: it can't be had.
        """
        if not (self.had == commit and is_whole(self.bare)) and not self.git.has(self.bare, commit):
            self.completed = ""
            with self.counted():
                self.fetch_patiently(remote, commit)

    def fetch_patiently(self, remote: Remote, commit: str) -> None:
        """Get the commit; where the server has just said that the revision is there, and doesn't have it, ask again.

        Of several machines that serve a repository one may know a push before the others do.
        """
        for pause in (0, *self.git.pauses):
            if self.git.stopped.wait(pause):
                raise GitError("stopped", "interrupted")
            denied = self.fetch_if_given(remote, commit)
            if denied is None:
                return
        text = f"'{self.repos[0].revision}' is at {commit[:12]}, which the server doesn't give out ({denied})"
        raise GitError("unreachable", text, advice=_SET_ANEW)

    def fetch_if_given(self, remote: Remote, commit: str) -> GitError | None:
        """Get the commit, or return how the server has denied what it has said itself."""
        try:
            self.git.fetch(self.bare, remote, commit, files=self.whole or remote.local)
        except GitError as error:
            if error.kind != "missing" or commit != self.looked or is_commit(self.repos[0].revision):
                raise
            return error
        return None

    def complete(self, remote: Remote, commit: str) -> None:
        """Have the files of all the folders that are asked for, where the commit came without.

        Raises:
            GitError: they can't be had, or are too many.
        """
        if commit == self.completed or not is_partial(self.bare):
            return
        missing = self.git.find_missing(self.bare, commit, [repo.path for repo in self.repos])
        if len(missing) > MOST_FILES * len(self.repos):
            raise GitError("large", f"more than {MOST_FILES} files")
        try:
            with self.counted():
                for begin in range(0, len(missing), _AT_ONCE):
                    self.git.get(self.bare, remote, missing[begin : begin + _AT_ONCE])
        except GitError as error:
            if error.kind != "missing":
                raise
            # A server that leaves files out and doesn't give them out by their names.
            self.whole = True
            remove_folder(self.bare)
            self.fetch(remote, commit)
        self.completed = commit

    def history(self, remote: Remote, commit: str, known: tuple[Written, ...]) -> tuple[Written, ...]:
        """Return who has written the newest commits; `known` is what the last checkout has found."""
        if commit not in self.read:
            if not (known and known[0].commit == commit):
                self.fetch(remote, commit)  # which an unchanged folder did without
            with self.counted():
                self.read[commit] = read_history(self.git, self.bare, remote, commit, known)
        return self.read[commit]

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what comes meanwhile."""
        before = size_of(self.bare)
        yield
        self.fetched += max(0, size_of(self.bare) - before)


def find_sources(git: Git, cache: Path, repos: Iterable[Repo]) -> tuple[Source, ...]:
    """Return the sources of repositories, in the order of their first entries; that one's name is the cache's."""
    groups: dict[object, list[Repo]] = {}
    for repo in repos:
        groups.setdefault(question_of(repo), []).append(repo)
    return tuple(Source(git, cache / f"{group[0].name}.git", tuple(group)) for group in groups.values())
