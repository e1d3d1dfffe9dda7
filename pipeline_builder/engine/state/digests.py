"""The digests of files: read once for each content, and not again as long as the system says that nothing changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.engine.state.state import Digest, State
from pipeline_builder.machine.streams import BLOCK

_FRESH = 50_000_000
"""Nanoseconds in which a file can change twice and have one time: systems count in ticks, of 10 ms at most."""
Named = Sequence[tuple[str, str]]
"""Files by the names that they have in an input."""


class Digests:
    """What is known of files, by path, size, inode and the time of their last change; the state keeps it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def of_all(self, place: str, found: Named) -> str:
        """Return the sha256 (hex) of the names and contents of the files that are at a place, in their order.

        Where none of them has changed since they were looked at as the same place, one look into the state will do.
        """
        looked = [(name, path, os.stat(path)) for name, path in found]  # noqa: PTH116 - as `LocalStore.files`
        stamps = [unchanged(found) for _, _, found in looked]
        listing = hashlib.sha256()
        for (name, path, _), stamp in zip(looked, stamps, strict=True):
            listing.update(f"{name}\0{path}\0{stamp}\n".encode("utf-8", "surrogateescape"))
        whole = listing.hexdigest()
        if known := self._state.known_digest(place, whole):
            return known
        contents = self._of_each([(path, stamp) for (_, path, _), stamp in zip(looked, stamps, strict=True)])
        total = hashlib.sha256()
        for (name, _, _), sha256 in zip(looked, contents, strict=True):
            total.update(f"{name}\0{sha256}\n".encode())
        if not any(is_fresh(found) for _, _, found in looked):
            self._state.remember_digests((place, whole, total.hexdigest()))
        return total.hexdigest()

    def of(self, path: Path, descriptor: int) -> str:
        """Return the sha256 (hex) of an open file, which is read from its beginning where it has to be."""
        found = os.fstat(descriptor)
        known = self._state.known_digest(str(path), unchanged(found))
        if known:
            return known
        os.lseek(descriptor, 0, os.SEEK_SET)
        sha256, _ = _read(descriptor, found.st_size)
        os.lseek(descriptor, 0, os.SEEK_SET)
        if not is_fresh(found):
            self._state.remember_digests((str(path), unchanged(found), sha256))
        return sha256

    def _of_each(self, files: Sequence[tuple[str, str]]) -> list[str]:
        known = self._state.known_digests(path for path, _ in files)
        new: list[Digest] = []
        contents: list[str] = []
        try:
            for path, stamp in files:
                before, sha256 = known.get(path, ("", ""))
                contents.append(sha256 if before == stamp else _read_new(path, new))
        finally:  # what took long isn't done again by the next command
            self._state.remember_digests(*new)
        return contents


def read_digest(path: Path) -> tuple[str, int]:
    """Return the sha256 (hex) and the size of a file, by reading all of it now."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def unchanged(found: os.stat_result) -> str:
    """Return what changes with a file, whatever is done to it: nobody sets the time of its last change."""
    return f"changed:{found.st_size}:{found.st_ctime_ns}:{found.st_ino}"


def stamp_of(found: os.stat_result) -> str:
    """Return what changes with a file's content, by those who don't hide it."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"


def is_fresh(found: os.stat_result) -> bool:
    """Tell whether a file has changed so lately that it could change again without a trace."""
    return abs(time.time_ns() - found.st_ctime_ns) < _FRESH


def changed_since(found: os.stat_result, since: float) -> bool:
    """Tell whether a file may have changed since a time (seconds since 1970), by the ticks that systems count in."""
    return found.st_ctime_ns > since * 1e9 - _FRESH


def _read_new(path: str, new: list[Digest]) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        sha256, _ = _read(descriptor, found.st_size)
    finally:
        os.close(descriptor)
    if not is_fresh(found):
        new.append((path, unchanged(found), sha256))
    return sha256


def _read(descriptor: int, size: int) -> tuple[str, int]:
    """Return the sha256 and the number of all bytes from here on; of small files no more memory than they have."""
    digest, count = hashlib.sha256(), 0
    while block := os.read(descriptor, min(max(size - count, 0) + 1, BLOCK)):
        digest.update(block)
        count += len(block)
    return digest.hexdigest(), count
