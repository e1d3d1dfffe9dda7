"""What is in a code bundle, read and never unpacked to a disk: names, sizes, digests, and the text of small files."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, cast

from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.target import ObjectStore, Readable

SMALL = 200_000
"""Bytes up to which the content of a file is kept: nobody reads the difference of a larger one."""
_MOST_BYTES = 512 << 20
_MOST_FILES = 5_000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """A file of a bundle; `content` is None of one that is large."""

    size: int
    sha256: str
    content: bytes | None = field(default=None, repr=False)


Files = Mapping[str, BundledFile]
"""The files of a bundle by their names in it."""


class UnreadableError(Exception):
    """A bundle that can't be looked into, and why, for people."""


def read_archive(uri: str, store: ObjectStore) -> Files:
    """Return what is in the archive at an address, if it is what its name says.

    Raises:
        UnreadableError: it is gone, or can't be read, or is another one than its name says.
    """
    try:
        with store.reading(uri) as packed:
            tar = _Counted(packed)
            found = dict(_members(tar))
            tar.drain()
    except KeyError as error:
        raise UnreadableError("the store doesn't have the deployed bundle any more") from error
    except OutsideFailure as error:
        raise UnreadableError(f"the deployed bundle can't be read: {error.problems[0].message}") from error
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise UnreadableError("the deployed bundle is damaged") from error
    if tar.sha256 != uri.rsplit("/", 2)[1]:
        raise UnreadableError("what lies where the deployed bundle was isn't what its name says")
    return found


def read_bundle(bundle: Bundle) -> Files:
    """Return what is in a bundle that is composed of the checkout.

    Raises:
        UnreadableError: a file has gone since it was composed.
    """
    try:
        found = {name: _file_of(iter(_blocks(bundle, name))) for name in bundle.files}
    except OSError as error:
        raise UnreadableError("a file of the checkout has gone meanwhile: look again") from error
    return found | {name: _file_of(iter((content,))) for name, content in bundle.added.items()}


def _blocks(bundle: Bundle, name: str) -> Iterator[bytes]:
    with (bundle.folder / name).open("rb") as file:
        yield from _blocks_of(file)


def _blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _file_of(blocks: Iterator[bytes]) -> BundledFile:
    digest, size, kept = hashlib.sha256(), 0, b""
    for block in blocks:
        digest.update(block)
        size += len(block)
        kept = kept + block if size <= SMALL else b""
    return BundledFile(size=size, sha256=digest.hexdigest(), content=kept if size <= SMALL else None)


def _members(tar: _Counted) -> Iterator[tuple[str, BundledFile]]:
    with tarfile.open(fileobj=cast("IO[bytes]", tar), mode="r|") as opened:
        for number, member in enumerate(opened):
            if number >= _MOST_FILES:
                raise ValueError("too many files")
            # A sparse file may claim any size without a byte of it; bundles of ours have none.
            content = opened.extractfile(member) if member.isreg() and not member.issparse() else None
            if content is not None:
                yield member.name, _file_of(_blocks_of(content))


class _Counted:
    """The tar in a gzip file, with a digest of what was read of it, and an end to how much that may be."""

    def __init__(self, packed: Readable) -> None:
        self._plain = gzip.GzipFile(fileobj=cast("IO[bytes]", packed), mode="rb")
        self._digest = hashlib.sha256()
        self._left = _MOST_BYTES

    def read(self, size: int = _BLOCK) -> bytes:
        found = self._plain.read(size)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError("too large")
        self._digest.update(found)
        return found

    def drain(self) -> None:
        """Read what comes after the last file: the digest is of all of it."""
        while self.read(_BLOCK):
            pass

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
