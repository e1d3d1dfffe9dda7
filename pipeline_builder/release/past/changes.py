"""Changes: which commits came since another one, the champion's, as far as the checkout's own cache can tell.

Nothing is fetched for it, and nothing fails: what can't be told is said in words.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pipeline_builder.checkout.ancestry import Ancestry, Noted, find_bare
from pipeline_builder.checkout.earlier import Earlier
from pipeline_builder.checkout.runner import Runner
from pipeline_builder.checkout.words import GitError
from pipeline_builder.inert import inert_line
from pipeline_builder.release.past.hosts import host_link
from pipeline_builder.release.record import CommitRecord, RepoRecord

MOST_COMMITS = 50
MOST_PATHS = 20
_PATIENCE = 20.0
"""Seconds that git may take for all that is only shown."""
_LONGEST_PATH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit with the address of its page at the git host, empty where that isn't known.

    `paths` are files that it changes since the one before, of many the first ones.
    """

    repository: str
    sha: str
    subject: str
    author: str
    when: datetime | None
    url: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitsSince:
    """What came since a commit, the newest first, and how many `more` there are; `unknown` says in words what nobody
    can tell, empty where these are all.
    """

    commits: tuple[Commit, ...] = ()
    more: int = 0
    unknown: str = ""


def commits_since(
    repo: RepoRecord,
    before: str,
    *,
    cache_folder: Path,
    environment: Mapping[str, str] | None = None,
    noted: Known | None = None,
) -> CommitsSince:
    """Return the commits that lead to a repository's commit and not to the one `before`; of a folder of a repository
    those that change something in it. What was `noted` before, on another machine, is taken instead of the cache.
    """
    if not before:
        return CommitsSince(unknown="which commit it was before is not known")
    if before == repo.commit:
        return CommitsSince()
    if noted and repo.commit in noted.commits:
        return _Looking(repo, before, noted.commits, noted.changed_since).answer()
    found: tuple[Ancestry, Changed] | None = None
    why = f"the commit {repo.commit[:12]} is not in the cache of the checkout any more"
    try:
        found = read_known(repo, before, cache_folder=cache_folder, environment=environment or {})
    except GitError as error:
        why = f"git could not tell: {inert_line(str(error), 200)}"
    except OSError as error:
        why = f"the cache of the checkout can't be read: {error.strerror}"
    return _Looking(repo, before, *found).answer() if found else CommitsSince(unknown=why)


Changed = Callable[[Sequence[tuple[str, str]]], Mapping[str, tuple[str, ...]]]
"""Gives the paths that each commit changes since another, by the commit, where that can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was noted of a repository's commits, and the paths that some of them change."""

    commits: Ancestry
    paths: Mapping[str, tuple[str, ...]]

    def changed_since(self, pairs: Sequence[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
        return {commit: self.paths[commit] for commit, _ in pairs if commit in self.paths}


def read_known(
    repo: RepoRecord, before: str, *, cache_folder: Path, environment: Mapping[str, str]
) -> tuple[Ancestry, Changed] | None:
    """Return what the cache of a checkout knows of a repository's commits; None where it hasn't got its commit.

    Raises:
        GitError, OSError: it can't be read.
    """
    git = Runner(environment=environment, timeout=_PATIENCE)
    bare = find_bare(cache_folder, repo.name, repo.commit, git)
    if bare is None:
        return None
    earlier = Earlier(git, bare)
    known = earlier.ancestry(*filter(None, (repo.commit, before)))
    return known, partial(earlier.changed, known)


@dataclass(frozen=True, slots=True)
class _Looking:
    repo: RepoRecord
    before: str
    known: Ancestry
    changed: Changed

    def answer(self) -> CommitsSince:
        walked = walk(self.known, self.repo.commit, self.before)
        unknown, found = self._unknown(walked), walked.found
        if not self.repo.path:
            shown = found[:MOST_COMMITS]
            changed = self._changed(shown)
            return self._of(shown, changed, more=len(found) - len(shown), unknown=unknown)
        changed = self._changed(found)
        own = [one for one in found if one.commit not in changed or self._is_own(changed[one.commit])]
        lost = sum(one.commit not in changed for one in own)
        words = f"whether {lost} of them change '{inert_line(self.repo.path, 100)}' is not known" if lost else ""
        shown = own[:MOST_COMMITS]
        said = "; ".join(filter(None, (unknown, words)))
        return self._of(shown, changed, more=len(own) - len(shown), unknown=said)

    def _of(
        self, shown: Iterable[Noted], changed: Mapping[str, tuple[str, ...]], *, more: int, unknown: str
    ) -> CommitsSince:
        return CommitsSince(
            commits=tuple(self._commit(one, changed.get(one.commit, ())) for one in shown), more=more, unknown=unknown
        )

    def _commit(self, one: Noted, paths: tuple[str, ...]) -> Commit:
        own = [path for path in paths if not self.repo.path or self._is_own((path,))]
        return Commit(
            repository=self.repo.name,
            sha=one.commit,
            subject=one.subject,
            author=one.author,
            when=one.when,
            url=host_link(self.repo.url, one.commit, kind=self.repo.kind),
            paths=tuple(inert_line(path, _LONGEST_PATH) for path in own[:MOST_PATHS]),
        )

    def _is_own(self, paths: Iterable[str]) -> bool:
        return any(path.startswith(f"{self.repo.path}/") for path in paths)

    def _changed(self, found: Iterable[Noted]) -> Mapping[str, tuple[str, ...]]:
        """Return the paths that commits change since the first one that they come after."""
        return self.changed(
            [(one.commit, one.parents[0]) for one in found if one.parents and one.parents[0] in self.known]
        )

    def _unknown(self, walked: Walked) -> str:
        before, head = self.before[:12], self.repo.commit[:12]
        if walked.older:
            return f"the commit {head} is older than {before}, which it leads to"
        if walked.cut and walked.found:
            return f"the checkout has fetched these commits, and not all that lies between {before} and them"
        if walked.cut:
            return f"the checkout has not fetched what lies between {before} and {head}"
        return "" if walked.met else f"{head} doesn't come after {before}: the branch was set anew, or is another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What leads to a head, the newest first. `met` says that the commit before was come to, `cut` that something on
    the way isn't there, `older` that the head is one of those that lead to the commit before.
    """

    found: list[Noted]
    met: bool = False
    cut: bool = False
    older: bool = False


def walk(known: Ancestry, head: str, before: str) -> Walked:
    """Look for what leads to the head and not to the commit before."""
    old = _reach(known, before)
    if head in old:
        return Walked(found=[], older=True)
    waiting = [(-known[head].seconds, head)] if head in known else []
    seen, found, met, cut = {head}, [], False, False
    while waiting:
        _, name = heapq.heappop(waiting)
        found.append(known[name])
        for parent in known[name].parents:
            met = met or parent == before
            if parent in seen or parent in old or parent == before:
                continue
            seen.add(parent)
            cut = cut or parent not in known
            if parent in known:
                heapq.heappush(waiting, (-known[parent].seconds, parent))
    return Walked(found=found, met=met, cut=cut)


def _reach(known: Ancestry, first: str) -> set[str]:
    found: set[str] = set()
    todo = [first]
    while todo:
        name = todo.pop()
        if name in known and name not in found:
            found.add(name)
            todo += known[name].parents
    return found


def commit_record(commit: Commit) -> CommitRecord:
    """Return a commit as a record has it."""
    return CommitRecord(
        sha=commit.sha, subject=commit.subject, author=commit.author, when=commit.when, paths=commit.paths
    )
