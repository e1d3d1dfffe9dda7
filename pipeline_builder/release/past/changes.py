"""Changes: which commits came since another one, the champion's, as far as the checkout's own cache can tell.

Nothing is fetched for it, and nothing fails: what can't be told is said in words.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline_builder.checkout.ancestry import Ancestry, Noted, find_bare, read_ancestry, read_changed
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
    repo: RepoRecord, before: str, *, cache_folder: Path, environment: Mapping[str, str] | None = None
) -> CommitsSince:
    """Return the commits that lead to a repository's commit and not to the one `before`; of a folder of a repository
    those that change something in it.
    """
    if not before:
        return CommitsSince(unknown="which commit it was before is not known")
    if before == repo.commit:
        return CommitsSince()
    git = Runner(environment=environment or {}, timeout=_PATIENCE)
    try:
        bare = find_bare(cache_folder, repo.name, repo.commit, git)
        if bare is None:
            return CommitsSince(unknown=f"the commit {repo.commit[:12]} is not in the cache of the checkout any more")
        return _Looking(git, bare, repo, before).answer()
    except GitError as error:
        return CommitsSince(unknown=f"git could not tell: {inert_line(str(error), 200)}")
    except OSError as error:
        return CommitsSince(unknown=f"the cache of the checkout can't be read: {error.strerror}")


@dataclass(frozen=True, slots=True)
class _Looking:
    git: Runner
    bare: Path
    repo: RepoRecord
    before: str

    def answer(self) -> CommitsSince:
        known = read_ancestry(self.git, self.bare, (self.repo.commit, self.before))
        walked = _walk(known, self.repo.commit, self.before)
        unknown, found = self._unknown(walked), walked.found
        if not self.repo.path:
            shown = found[:MOST_COMMITS]
            changed, _ = self._changed(known, shown)
            return self._of(shown, changed, more=len(found) - len(shown), unknown=unknown)
        changed, lost = self._changed(known, found)
        own = [one for one in found if one.commit not in changed or self._is_own(changed[one.commit])]
        shown = own[:MOST_COMMITS]
        words = "; ".join(filter(None, (unknown, lost)))
        return self._of(shown, changed, more=len(own) - len(shown), unknown=words)

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

    def _changed(self, known: Ancestry, found: Iterable[Noted]) -> tuple[Mapping[str, tuple[str, ...]], str]:
        """Return the paths that commits change since the first one that they come after, and what can't be told."""
        pairs = [(one.commit, one.parents[0]) for one in found if one.parents and one.parents[0] in known]
        try:
            changed = read_changed(self.git, self.bare, pairs)
        except GitError:  # files of before were left out
            return {}, f"which of them change '{inert_line(self.repo.path, 100)}' is not known"
        return {commit: changed.get(commit, ()) for commit, _ in pairs}, ""

    def _unknown(self, walked: _Walked) -> str:
        before, head = self.before[:12], self.repo.commit[:12]
        if walked.older:
            return f"the commit {head} is older than {before}, which it leads to"
        if walked.cut and walked.found:
            return f"the checkout has fetched these commits, and not all that lies between {before} and them"
        if walked.cut:
            return f"the checkout has not fetched what lies between {before} and {head}"
        return "" if walked.met else f"{head} doesn't come after {before}: the branch was set anew, or is another"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walked:
    """What leads to a head, the newest first. `met` says that the commit before was come to, `cut` that something on
    the way isn't there, `older` that the head is one of those that lead to the commit before.
    """

    found: list[Noted]
    met: bool = False
    cut: bool = False
    older: bool = False


def _walk(known: Ancestry, head: str, before: str) -> _Walked:
    """Look for what leads to the head and not to the commit before."""
    old = _reach(known, before)
    if head in old:
        return _Walked(found=[], older=True)
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
    return _Walked(found=found, met=met, cut=cut)


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
