"""Objects as S3 sees them: buckets, sorted keys, and what each object was uploaded with."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from pipeline_builder.engine.state import State
from pipeline_builder.engine.store import LocalStore
from pipeline_builder.errors import InputProblems


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """An object: `etag` without quotes, `headers` those of its upload that are given back with it."""

    path: Path
    size: int
    modified: datetime
    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Objects:
    """The objects of a store; writing goes through the store's staging folder, so that a reader sees all or nothing."""

    def __init__(self, store: LocalStore, state: State) -> None:
        self.store = store
        self._state = state

    def facts(self, uri: str) -> ObjectFacts | None:
        """Return the facts of an object; the ETag of one that a job wrote is worked out when it is first asked for."""
        path = self.store.find(uri)
        return None if path is None else self.facts_of(path)

    def facts_of(self, path: Path) -> ObjectFacts:
        """Return the facts of an object's file."""
        found = path.stat()
        stamp = f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"
        rows = self._state.query("SELECT etag, headers FROM objects WHERE path = ? AND stamp = ?", str(path), stamp)
        etag, headers = (rows[0]["etag"], json.loads(rows[0]["headers"])) if rows else (md5_of(path), {})
        if not rows:
            self._remember(path, stamp, etag, headers)
        modified = datetime.fromtimestamp(int(found.st_mtime), tz=timezone.utc)
        return ObjectFacts(path=path, size=found.st_size, modified=modified, etag=etag, headers=headers)

    def put(self, uri: str, file: Path, etag: str, headers: Mapping[str, str], *, new: bool = False) -> None:
        """Make a file of the staging folder the object.

        Raises:
            FileExistsError: with `new`, where there is one already.
        """
        path = self.store.adopt(uri, file, new=new)
        found = path.stat()
        self._remember(path, f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}", etag, headers)

    def _remember(self, path: Path, stamp: str, etag: str, headers: Mapping[str, str]) -> None:
        with self._state.transaction() as db:
            values = (str(path), stamp, etag, json.dumps(dict(headers)))
            db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", values)

    def keys(self, bucket: str, prefix: str) -> list[tuple[str, Path]]:
        """Return the keys of a bucket that begin with the prefix, in the order of their bytes, with their files."""
        parent = prefix.rpartition("/")[0]
        try:
            found = self.store.keys(bucket, f"{parent}/" if parent else "")
        except InputProblems:
            return []  # no key can begin like that
        return sorted((pair for pair in found if pair[0].startswith(prefix)), key=lambda pair: pair[0].encode())

    def delete(self, uri: str) -> None:
        """Delete an object; one that isn't there is none.

        Raises:
            PermissionError: the object is in a mounted folder, which is only read.
        """
        path = self.store.find(uri)
        if path is None:
            return
        if not path.is_relative_to(self.store.root):
            raise PermissionError(uri)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the first folder that isn't empty
            folder = path.parent
            while folder.parent != self.store.root:
                folder.rmdir()
                folder = folder.parent


def md5_of(path: Path) -> str:
    """Return the MD5 (hex) of a file, which is what an ETag is made of."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
