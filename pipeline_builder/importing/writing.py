"""The repository's files: the conf, and the folder of its scripts. Nothing that is there is written over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.importing.confs import FILE, SCRIPTS
from pipeline_builder.machine.streams import write_file

UPLOADS = "uploads"
_KEEP = f"{SCRIPTS}/.gitkeep"


def write_repository(folder: Path, text: str, uploads: Mapping[str, bytes] | None = None) -> tuple[str, ...]:
    """Write the files, each whole or not at all; return those that weren't there as they are now.

    `uploads` are what a program would have put into the bucket, by their addresses there.

    Raises:
        InputProblems: PB939 where another file is there, or a link leads elsewhere, PB940 for an upload that is no
            file; nothing is written.
    """
    files = {} if os.path.lexists(folder / SCRIPTS) else {_KEEP: b""}
    files |= {f"{UPLOADS}/{_below(address)}": content for address, content in sorted((uploads or {}).items())}
    files[FILE] = text.encode()  # the last: with it the repository is one
    if problems := [problem for name, content in files.items() if (problem := _taken(folder, name, content))]:
        raise InputProblems(*problems)
    return tuple(name for name, content in files.items() if write_file(folder / name, content))


def _taken(folder: Path, name: str, content: bytes) -> Problem | None:
    """Return what keeps a file from being written: another one, or what is no folder of the repository's on the way."""
    path, shown = folder / name, os.path.relpath(folder / name)
    above = [folder / part for part in Path(name).parents][:-1]
    if path.is_symlink() or any(one.is_symlink() or (one.exists() and not one.is_dir()) for one in above):
        message = f"'{shown}' can't be written: it is a link, or lies behind one or below a file"
    elif path.exists() and not _is(path, content):
        message = f"'{shown}' is there already, and is another {'conf' if name == FILE else 'file'}"
    else:
        return None
    hint = "give another folder with --out, or move it away"
    return Problem(id="PB939", message=message, place=Place(shown), hint=hint)


def _below(address: str) -> str:
    """Return where an upload lies in the folder of uploads: its name is of somebody who isn't trusted."""
    key = address.removeprefix("s3://").partition("/")[2].removeprefix(f"{UPLOADS}/")
    parts = key.split("/")
    if not key or any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        raise InputProblems(Problem(id="PB940", message=f"an upload has a name that is no file's: {describe(address)}"))
    return key


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
