"""Archives of code and models: packed so that the same content gives the same bytes, unpacked with suspicion.

They stream: of a model of any size a few megabytes are in memory at a time.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import stat
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

from isal import igzip, igzip_lib

from pipeline_builder.engine.jobs.entries import Archive, Bounds, check_entry, path_of, refused
from pipeline_builder.engine.jobs.limits import room_on
from pipeline_builder.machine.streams import BLOCK, Sparse, copy, read_small
from pipeline_builder.machine.tree import Survey, Tree, opened

_LEVEL = 1
"""Of ISA-L: as small as zlib's level 1 or smaller, at some ten times its speed (benchmarks/archives.py)."""
_GZIP = b"\x1f\x8b"
_BROKEN: tuple[type[Exception], ...] = (
    tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError,
    cast("type[Exception]", igzip_lib.error),
)  # fmt: skip
# Names of entries that can't be files beside each other, or at all.
_NO_NAME = {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}


def pack(tree: Tree, survey: Survey, file: IO[bytes]) -> None:
    """Write a gzip-compressed tar of a folder's files, which depends on names, content and which are programs."""
    with (
        igzip.IGzipFile("", "wb", _LEVEL, file, 0) as packed,  # type: ignore[no-untyped-call] # isal's is without types
        tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, copybufsize=BLOCK) as archive,
    ):
        for name in survey.files:
            with opened(tree, name) as content:
                entry = tarfile.TarInfo(name)
                entry.size = content.size
                entry.mode = 0o755 if content.status().st_mode & stat.S_IXUSR else 0o644
                archive.addfile(entry, cast("IO[bytes]", content))
            _forget(archive)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar into a folder of our own, which is made; what `check_entry` refuses is not unpacked.

    Raises:
        InputProblems: PB525, also where it is none, or would take more than the disk has to give.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bounds = Bounds(room=room_on(folder))
    with _opened(archive) as content:
        for entry in _entries(content, bounds):
            target = folder / path_of(entry)
            try:
                _extract(content, entry, target)
            except OSError as error:
                if error.errno not in _NO_NAME:
                    raise
                raise refused(entry, f"can't be a file or folder: {error.strerror}") from error


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        sparse = Sparse(file)
        copy(_content(archive, entry), sparse)
        sparse.finish()
    target.chmod(0o755 if entry.mode & 0o100 else 0o644)


def read_member(archive: Path, names: Collection[str]) -> bytes | None:
    """Return the file of a tar that has one of these names, without unpacking the rest.

    Raises:
        InputProblems: PB525 where it is no archive, PB529 where the file is too large to be read as a whole.
    """
    with _opened(archive) as content:
        for entry in _entries(content, Bounds(room=None)):
            if entry.name in names and entry.isfile():
                return read_small(_content(content, entry), entry.name)
    return None


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar of any compression, for one way through it."""
    try:
        with archive.open("rb") as file:
            if file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
                with igzip.IGzipFile(fileobj=file) as unpacked:  # type: ignore[no-untyped-call]
                    yield from _tar(cast("IO[bytes]", unpacked), "r|")
            else:
                yield from _tar(file, "r|*")
    except _BROKEN as error:
        raise refused(None, f"'{archive.name}' can't be read as an archive: {error}") from error


def _tar(file: IO[bytes], mode: Literal["r|", "r|*"]) -> Iterator[tarfile.TarFile]:
    with Archive.open(fileobj=file, mode=mode, bufsize=BLOCK) as archive:
        yield archive


def _entries(archive: tarfile.TarFile, bounds: Bounds) -> Iterator[tarfile.TarInfo]:
    """Yield the entries that are not refused."""
    while entry := archive.next():
        check_entry(entry, bounds)
        yield entry
        _forget(archive)


def _forget(archive: tarfile.TarFile) -> None:
    """Let go of the entries so far, which are kept otherwise, by the million too."""
    archive.members.clear()  # type: ignore[attr-defined] # the types don't know it


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    return cast("IO[bytes]", archive.extractfile(entry))
