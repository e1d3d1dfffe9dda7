"""The repository's files: the conf, and the folder of its scripts. Nothing that is there is written over."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.importing.confs import FILE, SCRIPTS
from pipeline_builder.machine.streams import write_file

_KEEP = f"{SCRIPTS}/.gitkeep"


def write_repository(folder: Path, text: str) -> tuple[str, ...]:
    """Write the files, each whole or not at all; return those that weren't there as they are now.

    Raises:
        InputProblems: PB939 where another conf is there; nothing is written.
    """
    conf, content = folder / FILE, text.encode()
    if conf.is_symlink() or (conf.exists() and not _is(conf, content)):
        shown = os.path.relpath(conf)
        message = f"'{shown}' is there already, and is another conf"
        hint = "give another folder with --out, or move it away"
        raise InputProblems(Problem(id="PB939", message=message, place=Place(shown), hint=hint))
    written = []
    if not (folder / SCRIPTS).exists():
        (folder / SCRIPTS).mkdir(parents=True)
        write_file(folder / _KEEP, b"")
        written.append(_KEEP)
    conf.parent.mkdir(parents=True, exist_ok=True)
    if write_file(conf, content):
        written.append(FILE)
    return tuple(written)


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
