"""Files that are named by the sha256 of their content: bundles of code, files of factories, lists of data."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.dag.outline import flat_steps

_NAMED = re.compile(r"s3://[^\"\\\s]+?/(?:code/[0-9a-f]{64}/[\w.-]+|manifests/[0-9a-f]{64}/manifest\.json)")
_BLOCK = 1 << 20
_MOST = 8 << 30
"""Bytes of an unpacked bundle that are looked at: of one that was replaced nobody knows how much it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """A file that a definition names, and the steps that use it; `sha256` (hex) is what its name says."""

    uri: str
    steps: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        return self.uri.rsplit("/", 2)[1]


def named_files(definition: bytes) -> tuple[NamedFile, ...]:
    """Return every file of this kind that a definition's steps name, sorted."""
    found: dict[str, list[str]] = {}
    for name, step in flat_steps(json.loads(definition).get("Steps")).items():
        for uri in _NAMED.findall(json.dumps(step)):
            found.setdefault(uri, []).append(name)
    return tuple(NamedFile(uri=uri, steps=tuple(sorted({*steps}))) for uri, steps in sorted(found.items()))


def names_in(text: str) -> tuple[str, ...]:
    """Return the addresses of this kind in a text, such as a step's request."""
    return tuple(dict.fromkeys(_NAMED.findall(text)))


def content_sha256(path: Path, uri: str) -> str:
    """Return the sha256 (hex) that a file of this kind would be named by; empty of an archive that can't be unpacked.

    That of an archive is taken before compression, because zlib's versions compress differently.
    """
    digest = hashlib.sha256()
    try:
        for block in _blocks(path, packed=uri.endswith(".gz")):
            digest.update(block)
    except (OSError, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


def _blocks(path: Path, *, packed: bool) -> Iterator[bytes]:
    left = _MOST
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        while left > 0 and (block := file.read(_BLOCK)):
            left -= len(block)
            yield block
