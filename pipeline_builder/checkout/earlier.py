"""Earlier commits: the newest of those that a checkout's commit comes after, for people to look at.

A checkout itself needs the one commit. What comes here are commits without files, of a folder of a repository with the
names of its files, into a repository inside of the cache's; where a host can't leave files out, they come along.
Nothing depends on it: where it can't be had, that is what is said of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline_builder.checkout.ancestry import Noted, find_trees, read_ancestry, read_changed
from pipeline_builder.checkout.bare import has_long_ids, is_whole, make_bare
from pipeline_builder.checkout.commits import is_long
from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.words import GitError
from pipeline_builder.machine.folders import remove_folder

MOST_EARLIER = 101
"""Commits: fifty are shown, and of a folder of a repository not every one has something in it."""
_PATIENCE = 20.0
_SLOW, _DAY = "earlier_slow", 24 * 3600.0
_NEWEST = "refs/heads/newest"


def fetch_earlier(git: Runner, bare: Path, remote: Remote, commit: str, *, names: bool) -> None:
    """Get the newest commits that lead to this one, with the `names` of their files or without; or nothing."""
    if _was_slow(bare):
        return
    quick = Runner(environment=git.environment, timeout=_PATIENCE, pauses=(), stopped=git.stopped)
    folder = earlier_of(bare)
    try:
        _fetch(quick, folder, remote, commit, names=names)
    except GitError as error:
        if error.kind == "timeout":
            with contextlib.suppress(OSError):
                (bare / _SLOW).touch()
        elif error.of_damage and error.kind != "no answer":  # the next time it comes anew
            with contextlib.suppress(OSError):
                remove_folder(folder)
    except OSError:
        pass


def _fetch(git: Runner, folder: Path, remote: Remote, commit: str, *, names: bool) -> None:
    if not is_whole(folder) or has_long_ids(folder) != is_long(commit):
        make_bare(git, folder, long_ids=is_long(commit))
    without = remote.leaving_out("blob:none" if names else "tree:0")
    arguments = ["fetch", "--quiet", f"--depth={MOST_EARLIER}", *without]
    # By the name git tells the server what is there already.
    arguments += ["--no-tags", "--no-write-fetch-head", "--", remote.url, f"+{commit}:{_NEWEST}"]
    # Nothing of it is written anywhere, and an old fault in it is none of ours.
    git.run(arguments, repository=folder, remote=remote, config=[("transfer.fsckObjects", "false")])


def _was_slow(bare: Path) -> bool:
    """Tell whether a host has had no answer in time lately: who waits for a checkout waits for that once a day."""
    try:
        return abs(time.time() - (bare / _SLOW).stat().st_mtime) < _DAY
    except OSError:
        return False


def earlier_of(bare: Path) -> Path:
    """Return where the earlier commits of a cache's repository are, if they are."""
    return bare / "earlier"


class Earlier:
    """All that a cache's repository tells of its commits: those that were checked out, and earlier ones."""

    def __init__(self, git: Runner, bare: Path) -> None:
        self._git = git
        self._places = tuple(path for path in (bare, earlier_of(bare)) if is_whole(path))

    def ancestry(self, *commits: str) -> dict[str, Noted]:
        """Return what is known of the commits, and of what they come after.

        Raises:
            GitError: the cache is damaged, or git is not there.
        """
        found: dict[str, Noted] = {}
        for place in self._places:
            found |= read_ancestry(self._git, place, commits)
        return found

    def changed(self, known: Mapping[str, Noted], pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
        """Return the paths that each commit changes since another, by the commit, where the folders of both are there.

        `pairs` are (commit, the other).
        """
        found: dict[str, tuple[str, ...]] = {}
        for place in self._places:
            left = [pair for pair in pairs if pair[0] not in found]
            with contextlib.suppress(GitError):
                there = find_trees(self._git, place, {known[one].tree for pair in left for one in pair})
                found |= read_changed(
                    self._git, place, [pair for pair in left if all(known[one].tree in there for one in pair)]
                )
        return found
