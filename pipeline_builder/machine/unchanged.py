"""Unchanged: a folder that is as it was, by what its file system says, and variables that somebody has asked for."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FRESH = 2.0
"""Seconds within which a file could change again without another time: file systems count in so long steps at most."""
_MOST_FRESH = 64 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """All that is below a folder: `stamp` changes with each file, `fresh` are the digests of those that have changed so
    lately that the next change might not be told by it.

    `entries` are the stamps of what is directly in the folder, `linked` whether there is any link below it.
    """

    stamp: str
    fresh: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)
    linked: bool = False


def look_at_tree(folder: Path, now: float | None = None) -> Tree | None:
    """Look at all that is below a folder; None where that doesn't say all: a link leads out, or much is new.

    A file is its mode, size, times, and inode: whoever changes it changes one of these, as nobody sets the time of the
    last change. `now` is in seconds since 1970.
    """
    base = os.path.realpath(folder)
    newest = int(((now or time.time()) - FRESH) * 1e9)
    lines: dict[str, list[str]] = {}
    fresh: dict[str, str] = {}
    linked = False
    try:
        for path, found in walk(base):
            name, mode = path[len(base) :], found.st_mode
            of_entry = lines.setdefault(name.split("/", 2)[1], [])
            if stat.S_ISDIR(mode):
                of_entry.append(f"{name}/{mode}")
                continue
            of_entry.append(
                f"{name}\0{mode}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}:{found.st_dev}"
            )
            if stat.S_ISLNK(mode):
                linked = True
                if not _inside(path, base):
                    return None
            if found.st_ctime_ns > newest and stat.S_ISREG(mode):
                fresh[name] = _digest(path)
    except OSError:
        return None
    if sum(os.path.getsize(base + name) for name in fresh) > _MOST_FRESH:  # noqa: PTH202
        return None
    entries = {name: _stamp(found) for name, found in sorted(lines.items())}
    return Tree(_stamp(f"{name}\0{digest}" for name, digest in entries.items()), fresh, entries, linked)


def _stamp(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def are_as_they_were(folder: Path, digests: Mapping[str, str]) -> bool:
    """Tell whether files below a folder have the contents that these are the digests of."""
    base = os.path.realpath(folder)
    try:
        return all(_digest(base + name) == digest for name, digest in digests.items())
    except OSError:
        return False


class Noted(Mapping[str, str]):
    """Variables, and the names of those that somebody has asked for; `whole` where it was all."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values  # no copy: they may be noted below, too
        self.names: set[str] = set()
        self.whole = False

    @property
    def values_of_all(self) -> Mapping[str, str]:
        """The variables, without noting who asks."""
        return self._values

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        self.whole = True
        return iter(self._values)

    def __len__(self) -> int:
        self.whole = True
        return len(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)


def digest_of(values: Mapping[str, str], names: Iterable[str]) -> str:
    """Return a digest of variables, which tells one that is empty from one that isn't there."""
    found = [(name, values.get(name)) for name in sorted(names)]
    return hashlib.sha256(repr(found).encode("utf-8", "backslashreplace")).hexdigest()


def walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything below a folder; links aren't followed."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(entry.path)
                yield entry.path, found


def _inside(link: str, base: str) -> bool:
    return os.path.realpath(link).startswith(f"{base}{os.sep}")


def _digest(path: str) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
