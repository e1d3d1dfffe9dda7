"""What a factory has uploaded, named by its content: so that the steps' bytes repeat, and nothing lies there twice."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.entries import Archive
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import BLOCK

MOST = 64 << 20
"""Bytes of all uploads of a factory, unpacked; a definition's own bundles are as small."""
# Where a step writes to: the folder that uploads lie in as well, mostly.
_OUTPUTS = (
    "OutputDataConfig", "ProcessingOutputConfig", "TransformOutput", "CheckpointConfig", "DebugHookConfig",
    "ProfilerConfig", "TensorBoardOutputConfig",
)  # fmt: skip
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(slots=True)
class Uploads:
    """The objects of the bucket of a factory, by their keys, and what goes to which address below `base`."""

    bucket: str
    base: str
    objects: Mapping[str, Path]
    files: dict[str, bytes] = field(default_factory=dict)
    _named: dict[str, str] = field(default_factory=dict)

    def rewritten(self, value: Any) -> Any:
        """Return a value whose addresses of uploads are those of their contents.

        Raises:
            InputProblems: PB925 for what can't be kept.
        """
        if isinstance(value, str):
            return self._pattern().sub(lambda found: self._address(found[0], found[1]), value)
        if isinstance(value, list):
            return [self.rewritten(item) for item in value]
        if isinstance(value, dict):
            return {key: item if key in _OUTPUTS else self.rewritten(item) for key, item in value.items()}
        return value

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"s3://{re.escape(self.bucket)}/([^\s\"'\\]+)")

    def _address(self, address: str, key: str) -> str:
        if key not in self._named:
            folder = f"{key.rstrip('/')}/"
            if key in self.objects:
                self._named[key] = self._file(key)
            elif below := {name.removeprefix(folder): name for name in self.objects if name.startswith(folder)}:
                self._named[key] = self._folder(below) + ("/" if key.endswith("/") else "")
            else:
                return address
        return self._named[key]

    def _file(self, key: str) -> str:
        content, digest = _content(self.objects[key])
        name = key.rsplit("/", 1)[-1]
        name = name if _PLAIN.fullmatch(name) else "file"
        return self._kept(f"{self.base}/code/{digest}/{name}", content)

    def _folder(self, below: Mapping[str, str]) -> str:
        found = {name: _content(self.objects[key]) for name, key in sorted(below.items())}
        listing = "".join(f"{digest} {name}\n" for name, (_, digest) in found.items())
        folder = f"{self.base}/code/folder-{hashlib.sha256(listing.encode()).hexdigest()}"
        for name, (content, _) in found.items():
            self._kept(f"{folder}/{name}", content)
        return folder

    def _kept(self, address: str, content: bytes) -> str:
        self.files[address] = content
        if sum(map(len, self.files.values())) > MOST:
            raise _too_much()
        return address


def _content(path: Path) -> tuple[bytes, str]:
    """Return an object as it is kept, and its sha256 (hex); an archive's is that of what is in it, without times."""
    if path.stat().st_size > MOST:
        raise _too_much()
    content = path.read_bytes()
    if not path.name.endswith((".tar.gz", ".tgz")):
        return content, hashlib.sha256(content).hexdigest()
    try:
        whole = _packed(content)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputProblems(Problem(id="PB925", message=f"the upload '{path.name}' is no archive: {error}")) from error
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, packed, 0) as file:
        file.write(whole)
    return packed.getvalue(), hashlib.sha256(whole).hexdigest()


def _packed(content: bytes) -> bytes:
    """Return the tar of an archive's files in the order of their names, without times, owners and rights."""
    with gzip.open(io.BytesIO(content)) as unpacked:
        plain = unpacked.read(MOST + 1)
    if len(plain) > MOST:
        raise _too_much()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target:
        for name, (mode, file) in sorted(_files(plain).items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(file), mode
            target.addfile(info, io.BytesIO(file))
    return out.getvalue()


def _files(plain: bytes) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of a tar's files; a sparse one says itself how many zeros it is."""
    found, size = {}, 0
    with Archive.open(fileobj=io.BytesIO(plain), mode="r|", bufsize=BLOCK) as source:
        while member := source.next():
            if not member.isfile():
                continue
            if member.size < 0:
                raise tarfile.ReadError("a file in it has less than nothing")
            size += member.size
            if size > MOST:
                raise _too_much()
            content = source.extractfile(member)
            assert content is not None
            mode = 0o755 if member.mode & 0o100 else 0o644
            found[member.name.removeprefix("./")] = mode, content.read()
    return found


def _too_much() -> InputProblems:
    message = f"the factory uploads more than {MOST >> 20} MB"
    hint = "name data by their addresses; what is uploaded is code"
    return InputProblems(Problem(id="PB925", message=message, hint=hint))
