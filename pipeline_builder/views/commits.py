"""Commits of a run as they are looked at: each repository's, what came since the champion's, and where they lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.release.past.hosts import host_link
from pipeline_builder.release.record import CommitRecord, RepoRecord

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitView:
    """A commit with its page at the host; `url` is "" where that isn't known."""

    commit: CommitRecord
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoView:
    """A repository at its commit, and what came since the champion's; `left` are commits that aren't shown."""

    repo: RepoRecord
    url: str
    before_url: str
    head_url: str
    since: tuple[CommitView, ...]
    left: int
    same: bool


def repo_views(repos: Sequence[RepoRecord]) -> tuple[RepoView, ...]:
    """Return what is shown of each repository."""
    return tuple(map(_view, repos))


def _view(repo: RepoRecord) -> RepoView:
    shown = repo.since[:_MOST_SHOWN]
    return RepoView(
        repo=repo,
        url=_link(repo, repo.commit),
        before_url=_link(repo, repo.before),
        head_url=_link(repo, repo.head),
        since=tuple(CommitView(commit=commit, url=_link(repo, commit.sha)) for commit in shown),
        left=len(repo.since) - len(shown) + repo.more,
        same=bool(repo.before) and repo.before == repo.commit,
    )


def _link(repo: RepoRecord, sha: str) -> str:
    """Return a commit's page; nothing but https is ever a link."""
    found = host_link(repo.url, sha, kind=repo.kind) if sha else ""
    return found if found.startswith("https://") else ""
