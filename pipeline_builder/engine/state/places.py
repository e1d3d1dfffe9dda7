"""Where the objects of a store are on this machine: below its own folder, or in a mounted one; nothing leads out."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline_builder.engine.state.listing import fault_of, files_below
from pipeline_builder.errors import InputProblems, Problem

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_LONGEST = 255  # bytes of a file's name
_NO_KEY = re.compile(r"[\0\\\ud800-\udfff]")
MARKER = "\x1ffolder"
"""The file that is a folder marker, an object whose key ends with `/`, in the folder that it marks."""


@functools.lru_cache(maxsize=4096)
def split_address(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address.

    Raises:
        InputProblems: PB521 where it is none, or would leave the store.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    parts = key.rstrip("/").split("/") if key else []
    bad = any(
        part in ("", ".", "..", MARKER) or len(part.encode("utf-8", "replace")) > _LONGEST for part in parts
    ) or _NO_KEY.search(key)
    if scheme != "s3" or not BUCKET.fullmatch(bucket) or ".." in bucket or bad:
        raise InputProblems(Problem(id="PB521", message=f"the address '{uri}' is not a valid s3://bucket/key"))
    return bucket, key


def file_of(key: str) -> str:
    """Return the path below its bucket of the file that an object is."""
    return f"{key}{MARKER}" if key.endswith("/") else key


class Places:
    """The files of objects. `mounts` (bucket or bucket/prefix: folder) are looked into for what `root` hasn't."""

    def __init__(self, root: Path, mounts: Mapping[str, Path]) -> None:
        self._root = root
        # The longest prefix wins.
        self._mounts = sorted(((name.strip("/"), path) for name, path in mounts.items()), key=lambda m: -len(m[0]))

    def find(self, bucket: str, key: str, left_out: list[str]) -> Path | None:
        """Return the file of an object; `left_out` gets what is at its place and is none, with the reason."""
        for path, boundary in self._candidates(bucket, key):
            if not os.path.isfile(path):  # noqa: PTH113 - a Path of each would take longer than the look
                continue
            if why := fault_of(path, boundary):
                left_out.append(f"'{path}' ({why})")
            else:
                return Path(path)
        return None

    def _candidates(self, bucket: str, key: str) -> Iterator[tuple[str, Path]]:
        yield f"{self._root}/{bucket}/{file_of(key)}", self._root
        for folder, rest in self.mounted(bucket, key):
            if rest:
                yield f"{folder}/{rest}", folder

    def mounted(self, bucket: str, key: str) -> Iterator[tuple[Path, str]]:
        """Yield the mounted folders that a key can be in, with the key below them."""
        full = f"{bucket}/{key}"
        for name, folder in self._mounts:
            if full == name or full.startswith(f"{name}/"):
                yield folder, full[len(name) :].strip("/")

    def buckets(self) -> tuple[str, ...]:
        """Return the buckets that have a folder here or are mounted, sorted."""
        own = {path.name for path in self._root.iterdir() if path.is_dir()} if self._root.is_dir() else set()
        mounted = {name.split("/", 1)[0] for name, _ in self._mounts}
        return tuple(sorted(name for name in own | mounted if BUCKET.fullmatch(name)))

    def keys(self, bucket: str, prefix: str, left_out: list[str]) -> Iterator[tuple[str, str]]:
        """Yield every key of the bucket that begins with the prefix, with its file; `left_out` is as in `find`."""
        seen: set[str] = set()
        base = self._root / bucket
        for name, path in files_below(base, prefix, self._root, left_out):
            key = name.removesuffix(MARKER)
            seen.add(key)
            yield key, path
        for name, folder in self._mounts:
            mounted = name.split("/", 1)
            start = f"{mounted[1]}/" if len(mounted) > 1 else ""
            if mounted[0] != bucket or not (prefix.startswith(start) or start.startswith(prefix)):
                continue
            rest = prefix[len(start) :] if prefix.startswith(start) else ""
            for below, path in files_below(folder, rest, folder, left_out):
                key = start + below
                if key not in seen:
                    seen.add(key)
                    yield key, path
