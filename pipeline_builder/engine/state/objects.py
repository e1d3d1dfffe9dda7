"""Objects as S3 sees them: buckets, sorted keys, and what each object was uploaded with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from pipeline_builder.engine.state.digests import stamp_of, unchanged
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """An object: `etag` without quotes, `headers` those of its upload that are given back with it."""

    path: Path
    size: int
    modified: datetime
    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)


def _unchecked() -> None:
    """Let anything be written."""


class Objects:
    """The objects of a store; writing goes through the store's staging folder, so that a reader sees all or nothing."""

    def __init__(self, store: LocalStore, state: State) -> None:
        self.store = store
        self._state = state

    def facts(self, uri: str) -> ObjectFacts | None:
        """Return the facts of an object. The ETag of what nobody has uploaded is none of an MD5, as that of parts:
        it is of the digest, which is known of all that jobs write.
        """
        path = self.store.find(uri)
        return None if path is None else self.facts_of(path)

    def open(self, uri: str) -> tuple[ObjectFacts, IO[bytes]] | None:
        """Open an object, which stays what it is for the reader, whatever is put in its place meanwhile."""
        path = self.store.find(uri)
        try:
            file = path.open("rb") if path else None
        except FileNotFoundError:
            return None  # deleted just now
        return (self._facts(path, file), file) if path and file else None

    def facts_of(self, path: Path) -> ObjectFacts:
        """Return the facts of an object's file."""
        with path.open("rb") as file:
            return self._facts(path, file)

    def _facts(self, path: Path, file: IO[bytes]) -> ObjectFacts:
        found = os.fstat(file.fileno())
        known = self._known(path, found)
        if known is None:
            etag = f"{self.store.digest_of(path, file)[:32]}-1"
            known = self._known(path, found) or (etag, {})  # somebody may be writing it just now
        modified = datetime.fromtimestamp(int(found.st_mtime), tz=timezone.utc)
        return ObjectFacts(path=path, size=found.st_size, modified=modified, etag=known[0], headers=known[1])

    def _known(self, path: Path, found: os.stat_result) -> tuple[str, dict[str, str]] | None:
        # The second stamp is that of what a version before this one has written.
        sql = "SELECT etag, headers FROM objects WHERE path = ? AND stamp IN (?, ?)"
        rows = self._state.query(sql, str(path), unchanged(found), stamp_of(found))
        return (rows[0]["etag"], rows[0].json("headers")) if rows else None

    def put(
        self,
        uri: str,
        file: Path,
        etag: str,
        headers: Mapping[str, str],
        *,
        sha256: str,
        new: bool = False,
        check: Callable[[], None] = _unchecked,
    ) -> None:
        """Make a file of the staging folder the object; `sha256` is its digest.

        `check` raises where it mustn't be by now: nobody else writes between that and the object.

        Raises:
            FileExistsError: with `new`, where there is one already.
        """
        # In one transaction, so that of two writers the last one's facts are kept with the last one's content.
        with file.open("rb") as opened, self._state.transaction():
            check()
            path = self.store.adopt(uri, file, new=new)
            stamp = unchanged(os.fstat(opened.fileno()))  # moving it is a change too
            self._state.remember_headers(str(path), stamp, etag, headers)
        self._state.remember_digests((str(path), stamp, sha256))

    def keys(self, bucket: str, prefix: str) -> list[tuple[str, Path]]:
        """Return the keys of a bucket that begin with the prefix, in the order of their bytes, with their files."""
        try:
            found = self.store.keys(bucket, prefix)
        except InputProblems:
            return []  # no key can begin like that
        return sorted(found, key=lambda pair: pair[0].encode())

    def delete(self, uri: str, *, check: Callable[[], None] | None = None) -> None:
        """Delete an object; one that isn't there is none. `check` raises where it mustn't be by now, as of `put`.

        Raises:
            PermissionError: the object is in a mounted folder, which is only read.
        """
        with self._state.transaction() if check else contextlib.nullcontext():
            if check:
                check()
            delete_object(self.store, uri)


def delete_object(store: LocalStore, uri: str) -> None:
    """Delete an object; one that isn't there is none.

    Raises:
        PermissionError: the object is in a mounted folder, which is only read.
    """
    path = store.find(uri)
    if path is None:
        return
    if not path.is_relative_to(store.root):
        raise PermissionError(uri)
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the first folder that isn't empty
        folder = path.parent
        while folder.parent != store.root:
            folder.rmdir()
            folder = folder.parent
