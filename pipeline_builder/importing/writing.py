"""The repository's files: the conf, and the folder of its scripts. Nothing that is there is written over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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
        InputProblems: PB939 where another conf, or another file for an upload, is there; nothing is written.
    """
    files = {f"{UPLOADS}/{_below(address)}": content for address, content in sorted((uploads or {}).items())}
    conf, wanted = folder / FILE, text.encode()
    others = [*_others(conf, wanted, "conf")]
    for name, content in files.items():
        others += _others(folder / name, content, "file")
    if others:
        raise InputProblems(*others)
    written = []
    if not (folder / SCRIPTS).exists():
        (folder / SCRIPTS).mkdir(parents=True)
        write_file(folder / _KEEP, b"")
        written.append(_KEEP)
    for name, content in files.items():
        if write_file(folder / name, content):
            written.append(name)
    conf.parent.mkdir(parents=True, exist_ok=True)
    if write_file(conf, wanted):
        written.append(FILE)
    return tuple(written)


def _others(path: Path, content: bytes, what: str) -> Iterator[Problem]:
    """Yield a problem where something else is in the place of a file."""
    if path.is_symlink() or (path.exists() and not _is(path, content)):
        shown = os.path.relpath(path)
        message = f"'{shown}' is there already, and is another {what}"
        yield Problem(
            id="PB939", message=message, place=Place(shown), hint="give another folder with --out, or move it away"
        )


def _below(address: str) -> str:
    """Return where an upload lies in the folder of uploads: its name is of somebody who isn't trusted."""
    key = address.removeprefix("s3://").partition("/")[2].removeprefix(f"{UPLOADS}/")
    parts = key.split("/")
    if not key or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise InputProblems(Problem(id="PB940", message=f"an upload has a name that is no file's: {describe(address)}"))
    return key


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
