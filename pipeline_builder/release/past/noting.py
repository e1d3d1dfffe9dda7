"""Noting: the newest commits of each repository in a file of the build folder, `commits.json`.

Where a service's build judges a run, the repositories are another build's: what their cache told is handed on by this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline_builder.checkout.ancestry import Noted
from pipeline_builder.checkout.earlier import MOST_EARLIER
from pipeline_builder.checkout.words import GitError
from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.past.changes import MOST_PATHS, Known, read_known, walk
from pipeline_builder.release.record import RepoRecord

_MOST_KEPT = 4 * MOST_PATHS


def note_commits(path: Path, repos: Iterable[RepoRecord], *, cache: Path, environment: Mapping[str, str]) -> None:
    """Write the newest commits of each repository as the cache of the checkout has them."""
    found = {repo.name: _read(repo, cache, environment) for repo in repos}
    content = {name: [_dumped(one, known) for one in known.commits.values()] for name, known in found.items()}
    write_file(path, json.dumps(content, separators=(",", ":")).encode() + b"\n")


def _read(repo: RepoRecord, cache: Path, environment: Mapping[str, str]) -> Known:
    try:
        found = read_known(repo, "", cache_folder=cache, environment=environment)
    except (GitError, OSError):
        found = None
    if found is None:
        return Known(commits={}, paths={})
    known, changed = found
    newest = walk(known, repo.commit, "").found[:MOST_EARLIER]
    pairs = [(one.commit, one.parents[0]) for one in newest if one.parents and one.parents[0] in known]
    return Known(commits={one.commit: one for one in newest}, paths=changed(pairs))


def _dumped(one: Noted, known: Known) -> list[Any]:
    when = one.when.isoformat() if one.when else ""
    return [one.commit, one.parents, one.subject, one.author, when, _kept(known.paths.get(one.commit))]


def _kept(paths: tuple[str, ...] | None) -> list[str] | None:
    """Return the paths that are handed on; of a commit that changes very many, nobody tells which folders these are."""
    return None if paths is None or len(paths) > _MOST_KEPT else [*paths]


def load_commits(path: Path) -> Mapping[str, Known]:
    """Return what a build has noted of each repository; nothing where none has, or it is damaged."""
    try:
        found = json.loads(path.read_bytes())
        return {name: _loaded(commits) for name, commits in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _loaded(found: Iterable[list[Any]]) -> Known:
    commits: dict[str, Noted] = {}
    paths: dict[str, tuple[str, ...]] = {}
    for commit, parents, subject, author, when, changed in found:
        commits[commit] = Noted(
            commit=commit,
            tree="",
            parents=tuple(parents),
            subject=subject,
            author=author,
            when=datetime.fromisoformat(when) if when else None,
        )
        if changed is not None:
            paths[commit] = tuple(changed)
    return Known(commits=commits, paths=paths)
