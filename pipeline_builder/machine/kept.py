"""Kept: what was made of content, found again by that content; without it everything takes longer and is the same.

An entry is believed where it is whole, ours, and of this version of our code. All others are as if they weren't there,
and so is a folder that can't be written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.machine.code import fingerprint_code

if TYPE_CHECKING:
    from pipeline_builder.machine.holdings import Holding

KIND = "kept"
KEPT = 256 << 20
"""Bytes that are kept where nothing else is said."""
DAYS = 30
"""How long what nobody has asked for is kept."""
_SHARDS = "0123456789abcdef"
_MARK = b"pipeline-builder kept 1 "
_HEAD = len(_MARK) + 64 + 1
_DAY = 86400
_TEMPORARY = ".new-"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the store: when it was last asked for (seconds since 1970, by the day), and its size in bytes."""

    used: float
    size: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A store in a folder: `get` and `put` of JSON, or of bytes, by a kind and any text that says all it was made of.

    `code` is the version of what makes the entries; it is in every key. Entries are spread over 16 folders, each of
    which is kept within its part of `bound` whenever something is added to it.
    """

    folder: Path
    bound: int = KEPT
    days: int = DAYS
    code: str = field(default_factory=fingerprint_code)
    clock: Callable[[], float] = time.time
    _looked: set[str] = field(default_factory=set, repr=False, compare=False)

    def get(self, kind: str, key: str) -> Any | None:
        """Return what was put under a kind and a key, None where there is nothing, or nothing to be believed."""
        content = self.get_bytes(kind, key)
        return None if content is None else json.loads(content)

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep JSON; where that can't be done, nothing is kept."""
        self.put_bytes(kind, key, json.dumps(value, separators=(",", ":")).encode())

    def get_bytes(self, kind: str, key: str) -> bytes | None:
        """Return the bytes that were put under a kind and a key, None where there are none to be believed."""
        path = self._path(kind, key)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                    return None
                whole = file.read()
        except OSError:
            return None
        content = memoryview(whole)[_HEAD:]
        if whole[:_HEAD] != _head(content):
            return None
        if found.st_mtime < self.clock() - _DAY:
            with contextlib.suppress(OSError):
                os.utime(path)
        return bytes(content)

    def put_bytes(self, kind: str, key: str, content: bytes) -> None:
        """Keep bytes; where that can't be done, nothing is kept.

        Not a word is said of it, and nothing waits for the disk: an entry that is torn is none.
        """
        path = self._path(kind, key)
        if len(content) + _HEAD > self.bound // len(_SHARDS):
            return
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(path.parent, len(content))
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_head(content))
                    file.write(content)
                os.replace(temporary, path)  # noqa: PTH105 - a thousand of them in a command
            except BaseException:
                os.unlink(temporary)  # noqa: PTH108
                raise

    def unneeded(self) -> list[Holding]:
        """Return the entries that are past the bound, or that nobody has asked for in a long time."""
        return [_holding(entry) for name in _SHARDS for entry in self._past(self.folder / name, 0)]

    def take(self, chosen: Iterable[Holding]) -> list[Holding]:
        """Remove entries; return them."""
        gone = [*chosen]
        for path in (path for item in gone for path in item.paths):
            path.unlink(missing_ok=True)
        return gone

    def _path(self, kind: str, key: str) -> Path:
        digest = hashlib.sha256(f"{self.code}\0{kind}\0{key}".encode()).hexdigest()
        return self.folder / digest[0] / f"{kind}-{digest[1:]}"

    def _make_room(self, shard: Path, size: int) -> None:
        """Take from a folder what is too old or too much, once in a command: it is small, and listed in no time."""
        if shard.name not in self._looked:
            self._looked.add(shard.name)
            for entry in self._past(shard, size):
                entry.path.unlink(missing_ok=True)

    def _past(self, shard: Path, size: int) -> Iterator[Entry]:
        """Yield what is too old in a folder, and then the oldest until `size` more bytes are within its bound."""
        oldest = self.clock() - self.days * _DAY
        for entry in sorted(_entries(shard), key=lambda entry: entry.used, reverse=True):
            size += entry.size
            if entry.used < oldest or size > self.bound // len(_SHARDS):
                yield entry


def _holding(entry: Entry) -> Holding:
    from pipeline_builder.machine.holdings import Holding, weigh

    used = datetime.fromtimestamp(entry.used, tz=timezone.utc)
    why = f"last asked for {used:%Y-%m-%d}, or one too many; it is made again where it is needed"
    return Holding(kind=KIND, name=entry.path.name, paths=(entry.path,), size=weigh([entry.path]), used=used, why=why)


def open_kept(state: Path) -> Kept:
    """Return the store that is in the folder of a workspace's state; there is nothing in it yet, perhaps."""
    return Kept(folder=state / "kept")


def _head(content: bytes | memoryview) -> bytes:
    """Return the line before an entry's content, which says that it is ours and whole."""
    return _MARK + hashlib.sha256(content).hexdigest().encode() + b"\n"


def _entries(shard: Path) -> Iterator[Entry]:
    """Yield the files of a folder; what goes meanwhile has gone."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(shard) as found:
        for item in found:
            with contextlib.suppress(FileNotFoundError):
                what = item.stat(follow_symlinks=False)
                if not stat.S_ISDIR(what.st_mode):
                    yield Entry(what.st_mtime, what.st_size, Path(item.path))
