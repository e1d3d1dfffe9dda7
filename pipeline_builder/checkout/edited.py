"""Edited: checkouts that aren't what the lock says, though its commits stand beside all that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.notes import read_note, stem_of
from pipeline_builder.checkout.sources import find_sources
from pipeline_builder.checkout.stamps import stamp_of
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest, Repo

_EDITED = "commit it in the repository, and check that out: 'pipeline-builder checkout' keeps aside what was edited"
_ANOTHER = "'pipeline-builder checkout --locked' brings the commits of the lock, without --locked it writes it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Where the checkouts are, and what is kept of them. New files by the `ignored` patterns, as git has them, count
    for nothing. Without a `look` no files are looked at, as a checkout has just done it.
    """

    training: Path
    cache: Path
    ignored: tuple[str, ...] = ()
    look: bool = True


def find_edited(manifest: Manifest, lock: Lock, git: Git, checked: Checked) -> Iterator[Problem]:
    """Yield a warning for each checkout that somebody has edited, or that is at another commit than the lock's.

    Nothing is said of one of which nobody knows, as on a machine that has got it from another. Where no file was
    touched, no git is started.
    """
    locked = {entry.name: entry.commit for entry in lock.repos}
    for source in find_sources(git, checked.cache, manifest.repos):
        for repo in source.repos:
            known, stamp = read_note(_beside(checked, repo, "json"), repo)
            commit = locked.get(repo.name)
            if known is None or commit is None:
                continue
            if known.commit != commit:
                message = (
                    f"the checkout of '{repo.name}' is the commit {known.commit[:12]}, not {commit[:12]} of the lock"
                )
                yield Problem(id="PB167", message=message, place=repo.place, hint=_ANOTHER, warning=True)
            elif checked.look:
                yield from _look(repo, git, source.bare, checked, known=(commit, stamp))


def _beside(checked: Checked, repo: Repo, end: str) -> Path:
    return checked.cache / f"{stem_of(repo.name, checked.training, checked.cache)}.{end}"


def _look(repo: Repo, git: Git, bare: Path, checked: Checked, *, known: tuple[str, str]) -> Iterator[Problem]:
    """Yield a warning where a file isn't as it was checked out: what the stamp doesn't say, git does."""
    (commit, stamp), folder = known, checked.training / repo.name
    index, clock = (_beside(checked, repo, end) for end in ("index", "look.new"))
    # The clock isn't that of a checkout, which may be at work.
    if stamp and stamp_of(folder, clock) == stamp:
        return
    try:
        edited = index.is_file() and folder.is_dir() and not git.is_unchanged(bare, folder, index, checked.ignored)
    except GitError as error:
        if error.kind == "stopped":
            raise
        return
    if edited:
        message = f"the checkout of '{repo.name}' was edited: what is made of it is not the commit {commit[:12]}"
        yield Problem(id="PB159", message=message, place=repo.place, hint=_EDITED, warning=True)
