"""Bytes that pass by: hashed on their way, written whole or not at all, and read at once only where they are few."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.refusals import naming

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BLOCK = 1 << 20
"""Bytes that are in memory at a time of anything that has no known size."""
_HOLE = 1 << 16
_CLONE = 0x40049409
"""FICLONE of the kernel's linux/fs.h."""
MOST_READ = 8 << 20
"""Bytes of what is read as a whole: reports, definitions, lists of packages."""


class Readable(Protocol):
    """What can be read in parts: a file, or the body of an answer."""

    def read(self, size: int, /) -> bytes: ...


class Hashing(io.BufferedWriter):
    """Passes on to a file what is written, or to nobody, and has the sha256 of it."""

    def __init__(self, file: IO[bytes] | Sparse | None = None) -> None:
        self._passing = _Passing(file)
        super().__init__(self._passing, BLOCK)

    @property
    def sha256(self) -> str:
        """The digest (hex) of all that has been written so far."""
        self.flush()
        return self._passing.digest.hexdigest()


class _Passing(io.RawIOBase):
    def __init__(self, file: IO[bytes] | Sparse | None) -> None:
        super().__init__()
        self._file = file
        self._size = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        self.digest.update(data)
        if self._file:
            self._file.write(data)
        self._size += size
        return size


class Sparse(io.RawIOBase):
    """Passes on to a file what is written, blocks of zeros as holes: a sparse file takes no more room than before."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        block = bytes(data)
        if len(block) >= _HOLE and block[0] == block[-1] == 0 and block == bytes(len(block)):
            self._file.seek(len(block), os.SEEK_CUR)
        else:
            self._file.write(block)
        return len(block)

    def finish(self) -> None:
        """Give the file its size, also where it ends with a hole."""
        self._file.truncate(self._file.tell())


def sha256_of(source: Readable) -> str:
    """Return the digest (hex) of all that is left of a stream."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def copy(source: Readable, target: IO[bytes] | io.RawIOBase) -> None:
    """Copy all that is left of a stream."""
    while block := source.read(BLOCK):
        target.write(block)


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file's content, of a sparse one the holes too; on some file systems both share it until one changes."""
    with open(source, "rb", buffering=0) as content, open(target, "wb") as file:  # noqa: PTH123
        found = os.fstat(content.fileno())
        if found.st_size > _HOLE and clone(content.fileno(), file.fileno()):
            return
        if found.st_blocks * 512 < found.st_size:
            sparse = Sparse(file)
            copy(content, sparse)
            sparse.finish()
        elif found.st_size > BLOCK:
            shutil.copyfile(source, target)
        else:
            file.write(content.readall())


def clone(source: int, target: int) -> bool:
    """Let an empty open file share the content of another one; False where their file system can't."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _CLONE, source)
    except OSError:
        return False
    return True


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes the place of `path` when the body is through; else nothing has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _beside(path)
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # mkstemp makes files that only their owner reads; these are meant for others too.
            os.fchmod(file.fileno(), 0o644)
            # While it is locked: closed, another writer would take it for a left one.
            Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _beside(path: Path) -> tuple[int, str]:
    """Open a temporary file beside `path`, and remove those of writers that were killed.

    One is in use while it is locked: a lock ends with whoever has it.
    """
    while True:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else another has taken it for a left one just before
            break
        os.close(handle)
    left = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    for other in os.scandir(path.parent):
        if left.fullmatch(other.name) and other.name != Path(temporary).name:
            _remove_left(other.path)
    return handle, temporary


def _remove_left(path: str) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(path).unlink()
        finally:
            os.close(handle)


def write_file(path: Path, content: bytes) -> bool:
    """Write the file whole or not at all, and only where it changes; tell whether it did."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    with replacing(path) as file:
        file.write(content)
    return True


def read_small(source: Readable, name: str, most: int = MOST_READ) -> bytes:
    """Return all that is left of a stream that is a document, of which more than `most` bytes are not taken.

    Raises:
        InputProblems: PB529 where there are more.
    """
    parts: list[bytes] = []
    left = most + 1
    while left and (part := source.read(min(left, BLOCK))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise too_large(name, most)
    return b"".join(parts)


def too_large(name: str, most: int = MOST_READ) -> InputProblems:
    """Return what is raised of a document that has more than `most` bytes."""
    message = f"'{name}' is too large to be read as a whole: it has more than {most >> 20} MB"
    hint = "write less into it: a report needs its numbers, and some hundred points of a curve"
    return InputProblems(Problem(id="PB529", message=message, hint=hint))
