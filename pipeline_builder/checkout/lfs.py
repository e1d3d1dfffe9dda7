"""LFS: from pointers to the files that they stand for, each held against its SHA-256 whenever it is used.

Objects are kept by their SHA-256 between checkouts. One that was only half there when its checkout was killed goes on
where it ended. git-lfs itself isn't needed: builds on AWS haven't got it.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.lfsserver import AGENT, Place, Server, ask, is_web, network_of, origin
from pipeline_builder.checkout.pointers import Pointer
from pipeline_builder.checkout.remotes import in_parallel
from pipeline_builder.checkout.retries import try_again
from pipeline_builder.checkout.web import Asked, breaks_off, opened
from pipeline_builder.checkout.words import GitError

FOLDER = "lfs"
_NOTHING = hashlib.sha256().hexdigest()
_BATCH = 100
_AT_ONCE = 8
_BLOCK = 1 << 20
_REDIRECTS = 3
_OF_ONE_SERVER = ("authorization", "cookie")


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects that are kept in a folder, by their SHA-256."""

    git: Git
    folder: Path
    guard: threading.Lock = field(default_factory=threading.Lock)
    locks: dict[str, threading.Lock] = field(default_factory=dict)

    def path_of(self, oid: str) -> Path:
        """Return where an object is kept."""
        return self.folder / oid[:2] / oid[2:4] / oid

    def has(self, pointer: Pointer) -> bool:
        """Tell whether an object of that size is kept; whether it is the one shows when it is used."""
        if pointer.oid == _NOTHING:
            return pointer.size == 0
        try:
            return self.path_of(pointer.oid).stat().st_size == pointer.size
        except OSError:
            return False

    def lock_of(self, oid: str) -> threading.Lock:
        """Return what only one thread holds that brings the object."""
        with self.guard:
            return self.locks.setdefault(oid, threading.Lock())

    def place(self, pointer: Pointer, target: Path) -> bool:
        """Write an object over a file, which keeps its mode; False where what is kept isn't it, and is gone now."""
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_NOFOLLOW), "wb") as file:
            file.truncate()
            if pointer.oid == _NOTHING:
                return True
            kept = self.path_of(pointer.oid)
            try:
                source = kept.open("rb")
            except FileNotFoundError:
                return False
            with source:
                digest = _copied(source, file)
        if digest == pointer.oid:
            os.utime(kept)  # what is used lately is kept longest
            return True
        kept.unlink(missing_ok=True)
        return False


def bring(objects: Objects, server: Server, pointers: Sequence[Pointer]) -> tuple[dict[str, str], int]:
    """Have the objects that pointers stand for; return why some can't be had, by SHA-256, and the bytes that came.

    Raises:
        GitError: the server can't be asked.
    """
    missing: dict[str, str] = {}
    fetched = 0
    once = {pointer.oid: pointer for pointer in pointers}
    for again in (False, True):
        wanted = [
            pointer for oid, pointer in once.items() if not objects.has(pointer) and (not again or oid in missing)
        ]
        missing = {}
        for begin in range(0, len(wanted), _BATCH):
            some = wanted[begin : begin + _BATCH]
            places, missing_there = ask(server, objects.git, some)
            missing |= {one.oid: missing_there.get(one.oid, "the server is silent about it") for one in some}
            work = [partial(_download, objects, one, places[one.oid]) for one in some if one.oid in places]
            for oid, came, why in in_parallel(objects.git, work, _AT_ONCE):  # type: ignore[misc] # none of them raises
                fetched += came
                missing.pop(oid)
                if why:
                    missing[oid] = why
        if not missing or objects.git.stopped.is_set():
            break  # where to fetch something from is for a while only: it is asked for anew, once
    return missing, fetched


def _download(objects: Objects, pointer: Pointer, place: Place) -> tuple[str, int, str]:
    """Bring one object; return its SHA-256, the bytes that came for it, and why it isn't there."""
    git = objects.git
    with objects.lock_of(pointer.oid):
        if objects.has(pointer):
            return pointer.oid, 0, ""
        path = objects.path_of(pointer.oid)
        came: list[int] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            try_again(lambda: came.append(_fetch(git, pointer, place, part)), git.stopped.wait, git.pauses, git.timeout)
            part.replace(path)
        except GitError as error:
            if not error.passing and error.kind != "stopped":
                part.unlink(missing_ok=True)  # what was there of it may be what is refused
            return pointer.oid, sum(came), str(error)
    return pointer.oid, sum(came), ""


def _fetch(git: Git, pointer: Pointer, place: Place, part: Path) -> int:
    """Download an object, or the rest of it, into a file; return how many bytes came.

    Raises:
        GitError: it can't be had, or is another one.
    """
    url, headers = place.url, dict(place.headers)
    digest, begun = _begun(part, pointer.size)
    for _ in range(_REDIRECTS + 1):
        ranged = {"Range": f"bytes={begun}-"} if begun else {}
        identity = {"Accept-Encoding": "identity", "User-Agent": AGENT}
        asked = Asked(url=url, headers={**headers, **identity, **ranged}, hidden=place.hidden)
        try:
            with opened(asked, network_of(git, url)) as response:
                return _read(git, response, pointer, part, (digest, begun))
        except GitError as error:
            to = _led_to(url, error)
            if not to:
                raise
            if origin(to) != origin(url):
                headers = {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_SERVER}
            url = to
    raise GitError("other", "it is led from one address to another")


def _led_to(url: str, error: GitError) -> str:
    """Return the address that an answer leads to, which may be relative; empty where it is none of https."""
    try:
        to = urljoin(url, error.known[0]) if error.known else ""
    except ValueError:
        return ""
    return to if is_web(to) else ""


def _begun(part: Path, size: int) -> tuple[Any, int]:
    """Return the digest and the length of what there is of an object."""
    digest, length = hashlib.sha256(), 0
    try:
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                length += len(block)
    except OSError:
        return digest, 0
    if 0 < length < size:
        return digest, length
    part.unlink(missing_ok=True)
    return hashlib.sha256(), 0


def _read(git: Git, response: Any, pointer: Pointer, part: Path, had: tuple[Any, int]) -> int:
    """Write an answer behind what there is, where it is the rest of it, or else anew; return how much came."""
    digest, begun = had
    packed = response.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip")
    if packed and response.status == 206:  # the rest of what is packed, which is at another place
        part.unlink(missing_ok=True)
        raise GitError("unreachable", "it comes packed, and not from its beginning", passing=True)
    continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {begun}-")
    if not continues:
        digest, begun = hashlib.sha256(), 0
    length = begun
    with part.open("ab" if continues else "wb") as file:
        for block in unpacked(_blocks(git, response)) if packed else _blocks(git, response):
            length += len(block)
            if length > pointer.size:
                break
            digest.update(block)
            file.write(block)
    if length != pointer.size or digest.hexdigest() != pointer.oid:
        if length >= pointer.size:
            part.unlink(missing_ok=True)
            raise GitError("other", f"what came isn't it: expected {pointer.size} bytes with its SHA-256")
        raise GitError("unreachable", f"it broke off after {length} of {pointer.size} bytes", passing=True)
    return length - begun


def _blocks(git: Git, response: Any) -> Iterator[bytes]:
    """Yield what comes as it comes; a checkout that was stopped ends it."""
    while True:
        try:
            block = response.read1(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise GitError("unreachable", str(error) or type(error).__name__, passing=breaks_off(error)) from error
        if not block:
            return
        yield block
        if git.stopped.is_set():
            raise GitError("stopped", "interrupted")


def unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is in gzip, which some object stores send whether or not it was asked for; a little at a time.

    Raises:
        GitError: it isn't gzip. One that has ended too early is shorter than what it should be.
    """
    packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for block in blocks:
            rest = block
            while rest:
                yield packed.decompress(rest, _BLOCK)
                rest = packed.unconsumed_tail
    except zlib.error as error:
        raise GitError("other", f"it comes as gzip, and isn't: {error}") from error


def take_from_folder(objects: Objects, repository: Path, pointers: Sequence[Pointer]) -> dict[str, str]:
    """Take the objects out of a repository of this machine, which has them where Git LFS keeps them.

    Return why some can't be had, by SHA-256.
    """
    missing = {}
    for pointer in pointers:
        with objects.lock_of(pointer.oid):
            found = any(_copy(objects, pointer, folder) for folder in _kept_in(repository)) or objects.has(pointer)
        if not found:
            missing[pointer.oid] = "it isn't there: 'git lfs fetch' in the repository brings it"
    return missing


def _kept_in(repository: Path) -> Iterator[Path]:
    for folder in (_shared_by(repository / ".git"), repository):
        yield folder / "lfs" / "objects"


def _shared_by(inside: Path) -> Path:
    """Return the folder that all working trees of a repository share: of one more of them `.git` is a file, which
    leads there, as that of a submodule leads to its own.
    """
    try:
        if inside.is_file():
            inside = inside.parent / inside.read_text().removeprefix("gitdir: ").rstrip("\n")
        common = inside / "commondir"
        return inside / common.read_text().rstrip("\n") if common.is_file() else inside
    except (OSError, ValueError):  # then its objects are not there
        return inside


def _copy(objects: Objects, pointer: Pointer, folder: Path) -> bool:
    if objects.has(pointer):
        return True
    source = folder / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
    path = objects.path_of(pointer.oid)
    part = path.with_suffix(".part")
    try:
        if source.stat().st_size != pointer.size:
            return False
        given = source.open("rb")
    except OSError:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with given, part.open("wb") as file:
        digest = _copied(given, file)
    if digest == pointer.oid:
        part.replace(path)
    return digest == pointer.oid


def _copied(given: BinaryIO, file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := given.read(_BLOCK):
        digest.update(block)
        file.write(block)
    return digest.hexdigest()
