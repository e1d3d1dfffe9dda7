"""Archives of code and models: packed so that the same content gives the same bytes, unpacked with suspicion."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem


def pack(folder: Path) -> bytes:
    """Return a gzip-compressed tar of the folder that depends on its content only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return gzip.compress(buffer.getvalue(), compresslevel=6, mtime=0)


def unpack(content: bytes, folder: Path) -> None:
    """Unpack a tar into the folder; an entry that would leave it, a link or a device is refused.

    Raises:
        InputProblems: PB525.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for entry in archive:
            path = Path(entry.name)
            if path.is_absolute() or ".." in path.parts or not (entry.isfile() or entry.isdir()):
                message = f"the archive entry '{entry.name}' is refused: it is a link, or leaves its folder"
                raise InputProblems(Problem(id="PB525", message=message))
            target = folder / path
            if entry.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(entry)
            assert source is not None
            with target.open("wb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755 if entry.mode & 0o100 else 0o644)


def read_member(content: bytes, names: Iterable[str]) -> bytes | None:
    """Return the first of these files that a tar has, without unpacking the rest."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in names:
            try:
                member = archive.extractfile(name)
            except KeyError:
                continue
            if member:
                return member.read()
    return None
