"""Archives of code and models: packed so that the same content gives the same bytes, unpacked with suspicion.

They stream: of a model of any size a few megabytes are in memory at a time.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from isal import igzip, igzip_lib

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.folders import files_in
from pipeline_builder.machine.streams import BLOCK, copy, read_small

_LEVEL = 1
"""Of ISA-L: as small as zlib's level 1 or smaller, at some ten times its speed (benchmarks/archives.py)."""
_GZIP = b"\x1f\x8b"
_BROKEN: tuple[type[Exception], ...] = (
    tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, cast("type[Exception]", igzip_lib.error),
)  # fmt: skip
# Names of entries that can't be files beside each other, or at all.
_NO_NAME = {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}


def pack(folder: Path, file: IO[bytes]) -> None:
    """Write a gzip-compressed tar of the folder that depends on its content only."""
    with (
        igzip.IGzipFile("", "wb", _LEVEL, file, 0) as packed,  # type: ignore[no-untyped-call] # isal's is without types
        tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, copybufsize=BLOCK) as archive,
    ):
        for path in files_in(folder):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
            _forget(archive)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar into the folder; an entry that would leave it, a link or a device is refused.

    Raises:
        InputProblems: PB525, also where it is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(archive) as opened:
        for entry in _entries(opened):
            path = Path(entry.name)
            if path.is_absolute() or ".." in path.parts or not (entry.isfile() or entry.isdir()):
                message = f"the archive entry '{entry.name}' is refused: it is a link, or leaves its folder"
                raise InputProblems(Problem(id="PB525", message=message))
            try:
                _extract(opened, entry, folder / path)
            except OSError as error:
                if error.errno not in _NO_NAME:
                    raise
                message = f"the archive entry '{entry.name[:100]}' can't be a file or folder: {error.strerror}"
                raise InputProblems(Problem(id="PB525", message=message)) from error


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        copy(_content(archive, entry), file)
    target.chmod(0o755 if entry.mode & 0o100 else 0o644)


def read_member(archive: Path, names: Collection[str]) -> bytes | None:
    """Return the first file of a tar that has one of these names, without unpacking the rest.

    Raises:
        InputProblems: PB525 where it is no archive, PB529 where the file is too large to be read as a whole.
    """
    with _opened(archive) as opened:
        for entry in _entries(opened):
            if entry.name in names and entry.isfile():
                return read_small(_content(opened, entry), entry.name)
    return None


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar of any compression, for one way through it."""
    try:
        with archive.open("rb") as file:
            if file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
                with (
                    igzip.IGzipFile(fileobj=file) as packed,  # type: ignore[no-untyped-call]
                    tarfile.open(fileobj=packed, mode="r|", bufsize=BLOCK) as opened,
                ):
                    yield opened
            else:
                with tarfile.open(fileobj=file, mode="r|*", bufsize=BLOCK) as opened:
                    yield opened
    except _BROKEN as error:
        message = f"'{archive.name}' can't be read as an archive: {error}"
        raise InputProblems(Problem(id="PB525", message=message)) from error


def _entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (entry := archive.next()) is not None:
        yield entry
        _forget(archive)


def _forget(archive: tarfile.TarFile) -> None:
    """Let go of the entries so far, which are kept otherwise, by the million too."""
    archive.members.clear()  # type: ignore[attr-defined] # the types don't know it


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    return cast("IO[bytes]", archive.extractfile(entry))
