"""The entries of a tar that somebody else has packed: which are refused, and how many and how large they may be."""

from __future__ import annotations

import posixpath
import re
import stat
import tarfile
from dataclasses import dataclass, field
from typing import Any, cast

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.folders import MOST_FOLDERS

MOST_ENTRIES = 1_000_000
# What tarfile's reading of headers also ends with, of bytes that nobody's tar has written.
_NO_HEADER = (ValueError, OverflowError, RecursionError, LookupError, AttributeError, TypeError)
_LARGEST_HEADER, _MOST_HEADERS = 1 << 17, 1 << 18
"""Bytes of one header and of all before an entry, which tarfile reads as a whole: a path has 4,096."""

_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Headers:
    """A tar's stream, of which only so much is read where headers are expected, as long as `left` is set."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.left: int | None = None

    def read(self, size: int) -> bytes:
        """Return the next bytes of the stream."""
        if self.left is not None:
            self.left -= size
            if self.left < 0 or not 0 <= size <= _LARGEST_HEADER:
                raise tarfile.ReadError(f"it has a header of {size:,} bytes")
        return cast("bytes", self._stream.read(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Archive(tarfile.TarFile):
    """A tar whose headers are read with suspicion."""

    def next(self) -> tarfile.TarInfo | None:
        """Return the next entry; tarfile.TarError where there can't be one."""
        if not isinstance(self.fileobj, Headers):  # the first entry is read while this is made
            self.fileobj = Headers(self.fileobj)
        self.fileobj.left = _MOST_HEADERS
        try:
            return super().next()
        except _NO_HEADER as error:
            raise tarfile.ReadError(f"a header of it makes no sense: {type(error).__name__}") from error
        finally:
            self.fileobj.left = None


@dataclass(slots=True)
class Bounds:
    """What the entries of one archive may take: `room` are the bytes left for them, None where none are taken."""

    room: int | None
    seen: set[str] = field(default_factory=set)


def path_of(entry: tarfile.TarInfo) -> str:
    """Return the entry's path without '.' and '//'."""
    return posixpath.normpath(entry.name)


def check_entry(entry: tarfile.TarInfo, bounds: Bounds) -> None:
    """Make sure that the entry is a file or folder below the archive's own, and not one too many.

    Raises:
        InputProblems: PB525.
    """
    path = path_of(entry)
    if why := _fault(entry, path):
        raise refused(entry, f"is refused: {why}")
    if not entry.isfile():
        return
    if path in bounds.seen:
        raise refused(entry, "is refused: the archive has two of this name")
    bounds.seen.add(path)
    if len(bounds.seen) > MOST_ENTRIES:
        raise refused(None, f"the archive has more than {MOST_ENTRIES:,} files")
    if bounds.room is not None:
        bounds.room -= entry.size
        if bounds.room < 0:
            raise refused(entry, "does not fit on this disk any more, of which some stays free")


def _fault(entry: tarfile.TarInfo, path: str) -> str:
    faults = {
        f"it is a link, to {entry.linkname[:100]!a}": entry.issym() or entry.islnk(),
        "it is neither a file nor a folder": not (entry.isfile() or entry.isdir()),
        "it has less than nothing": entry.size < 0,
        "its name leaves the folder": path.startswith("/") or ".." in entry.name.split("/"),
        "its name is no UTF-8 text": _NO_NAME.search(path),
        f"it lies in more than {MOST_FOLDERS} folders": path.count("/") > MOST_FOLDERS,
        "it would run as another user (setuid)": entry.isfile() and entry.mode & (stat.S_ISUID | stat.S_ISGID),
    }
    return next((why for why, is_so in faults.items() if is_so), "")


def refused(entry: tarfile.TarInfo | None, why: str) -> InputProblems:
    """Return the problem of an archive, or of one entry of it."""
    message = f"the archive entry {entry.name[:100]!a} {why}" if entry else why
    return InputProblems(Problem(id="PB525", message=message))
