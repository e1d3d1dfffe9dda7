"""The tar of a bundle, byte for byte as tarfile writes it, whose headers are made once for all files that are alike."""

from __future__ import annotations

import functools
import gzip
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from pipeline_builder.machine.streams import BLOCK

Read = Callable[[Path], bytes | None]


def write_tar(
    folder: Path, files: tuple[str, ...], target: IO[bytes] | gzip.GzipFile, read: Read, added: Mapping[str, bytes]
) -> None:
    """Write a tar of the files, and of those that are added; `read` gives the content of those that are at hand."""
    written = 0
    for name in files:
        path = folder / name
        content = read(path)
        facts = path.stat()
        mode = 0o755 if facts.st_mode & 0o100 else 0o644
        if content is not None:
            written += _add(target, _header(name, len(content), mode), content)
            continue
        written += _add(target, _header(name, facts.st_size, mode))
        written += _copy(path, facts.st_size, target)
    for name, plain in added.items():
        written += _add(target, _header(name, len(plain), 0o644), plain)
    end = written + 2 * tarfile.BLOCKSIZE
    target.write(bytes(end - written + -end % tarfile.RECORDSIZE))


def _add(target: IO[bytes] | gzip.GzipFile, header: bytes, content: bytes = b"") -> int:
    """Write an entry as tarfile does; return how many bytes that were."""
    entry = b"".join((header, content, bytes(-len(content) % tarfile.BLOCKSIZE)))
    target.write(entry)
    return len(entry)


def _copy(path: Path, size: int, target: IO[bytes] | gzip.GzipFile) -> int:
    """Write a large file as tarfile does; return how many bytes that were."""
    left = size
    with path.open("rb") as file:
        while left:
            if not (block := file.read(min(BLOCK, left))):
                raise OSError("unexpected end of data")
            target.write(block)
            left -= len(block)
    filling = bytes(-size % tarfile.BLOCKSIZE)
    target.write(filling)
    return size + len(filling)


@functools.lru_cache(maxsize=10_000)  # models mostly have files of the same names, and of few sizes
def _header(name: str, size: int, mode: int) -> bytes:
    """Return what stands before a file in the archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    # GNU format: no pax headers, whose content depends on the Python version.
    return entry.tobuf(tarfile.GNU_FORMAT, tarfile.ENCODING, "surrogateescape")
