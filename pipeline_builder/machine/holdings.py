"""Holdings: what a command has left on the disk, how much of it that is, and how much would be free without it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

_BLOCK = 512  # bytes of what `st_blocks` counts, whatever the file system has


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Something that nothing needs any more: `size` bytes are free without it, `why` says in words why it may go."""

    kind: str
    name: str
    paths: tuple[Path, ...]
    size: int
    used: datetime
    why: str

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name


def weigh(paths: Iterable[Path]) -> int:
    """Return the bytes that are free without these files and folders; links are never followed.

    A file with other names elsewhere stays on the disk, so it counts where all of its names are among these.
    """
    names: dict[tuple[int, int], int] = {}
    size = 0
    for found in _stats(paths):
        inode = (found.st_dev, found.st_ino)
        names[inode] = names.get(inode, 0) + 1
        if names[inode] == found.st_nlink:
            size += found.st_blocks * _BLOCK
    return size


def _stats(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    """Yield what is known of every file; what goes meanwhile has gone."""
    waiting = [os.fspath(path) for path in paths]
    while waiting:
        path = waiting.pop()
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                waiting += [entry.path for entry in os.scandir(path)]
            else:
                yield found
        except FileNotFoundError:
            continue


def changed_at(path: Path) -> datetime:
    """Return when a file's content was last written."""
    return datetime.fromtimestamp(path.lstat().st_mtime, tz=timezone.utc)
