"""Leftovers: what a checkout that was killed has left, and what would be in the way of the next one.

For whoever holds the checkout's lock: then nobody else is at work on what is taken away here.
"""

from __future__ import annotations

import fcntl
import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.checkout.earlier import earlier_of
from pipeline_builder.checkout.orphans import end_left
from pipeline_builder.machine.folders import remove_folder

_IN_CACHE = ("*.index.lock", "*.new-index.lock", "*.git.new", "*.new", "*.new.lock")
# Lock files, new lists of shallow commits, packs and objects that were being written; a fetch's own mark on its pack.
_IN_BARE = ("*.lock", "shallow_*", "tmp_*", "*.keep", "gc.pid")
_LEFT = re.compile("|".join(fnmatch.translate(pattern) for pattern in _IN_BARE))


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """One checkout after the other: two at once would pull the folders away under each other.

    The lock is the system's, so that of a process that was killed is gone with it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def clear_cache(cache: Path, repositories: Iterable[Path]) -> None:
    """End git where it still runs in a folder of bare repositories, and take away what is left of it."""
    end_left(cache)
    for pattern in _IN_CACHE:
        for path in cache.glob(pattern):
            remove_folder(path)
    for repository in repositories:
        for path in [*_left_in(repository)]:
            remove_folder(path)


def clear_folder(folder: Path, names: Iterable[str]) -> None:
    """Take away what of these repositories was half exported, or about to be replaced; the rest is somebody's."""
    for name in names:
        for left in (f".tmp-{name}", f".tmp-old-{name}"):
            remove_folder(folder / left)


def _left_in(repository: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(repository):
        yield from (Path(folder, name) for name in (*folders, *files) if _LEFT.match(name))
    # git gives a pack its index last: without one it is never read.
    for inside in (repository, earlier_of(repository)):
        packs = inside / "objects" / "pack"
        yield from (path for path in packs.glob("pack-*.*") if not path.with_suffix(".idx").exists())
