"""Temporary folders that a killed command doesn't leave for good: the next one that needs any removes them."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.machine.folders import sweep_folder

_PREFIX = "pipeline-builder-tmp-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def temporary_folder(where: Path | None = None) -> Iterator[Path]:
    """Give a temporary folder that is gone afterwards, and remove those that killed commands have left there.

    A folder is in use while its lock is held; that is the system's, so that it ends with whoever held it.
    """
    folder, handle = _made(where)
    try:
        _remove_left(folder.parent)
        yield folder
    finally:
        sweep_folder(folder)
        os.close(handle)


def _made(where: Path | None) -> tuple[Path, int]:
    """Make a folder and lock it; one that somebody took for a left one before it was locked is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(folder, _FOLDER)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists():
                return folder, handle
            os.close(handle)


@functools.cache
def _remove_left(where: Path) -> None:
    """Remove what was left there: once is enough for a command."""
    for folder in where.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, _FOLDER)
            try:
                if os.fstat(handle).st_uid == os.geteuid():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    sweep_folder(folder)
            finally:
                os.close(handle)
