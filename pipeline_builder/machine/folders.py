"""Folders: how one is removed, however deep it is, and moved."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path

MOST_FOLDERS = 256
"""Folders in each other that are looked into: a key of S3 has 1,024 bytes."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; one that isn't there will do, and so will a file or a link.

    shutil.rmtree calls itself for each level and keeps each open, so that it ends with a thousand of them.

    Raises:
        OSError: something in it can't be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink()
            return
        try:
            _empty(folder)
        except OSError as error:  # of a name alone, in a folder somewhere below
            if error.filename is not None:
                error.filename = str(folder / "…" / os.fsdecode(error.filename))
            raise
        folder.rmdir()


def sweep_folder(folder: Path) -> None:
    """Remove of a folder what can be removed; the rest, such as another user's files, stays without a word."""
    try:
        remove_folder(folder)
    except OSError:
        with contextlib.suppress(RecursionError):
            shutil.rmtree(folder, ignore_errors=True)


def move_folder(folder: Path, target: Path) -> None:
    """Move a folder to a free place of its file system.

    One that lies in a layer of a container's image can't be moved at once, but what is in it can; killed in between, a
    part of it is at either place.

    Raises:
        OSError: it can't be moved, or is a mount.
    """
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV or folder.is_symlink() or not folder.is_dir():
            raise OSError(error.errno, error.strerror, str(folder)) from error  # the target isn't what is wrong
        target.mkdir()
        for path in [*folder.iterdir()]:
            move_folder(path, target / path.name)
        shutil.copystat(folder, target)
        folder.rmdir()


def _empty(folder: Path) -> None:
    """Empty a folder from within: names stay short, and one folder is open at a time."""
    here = _open(folder)
    try:
        trail: list[tuple[str, list[str]]] = []
        left = _unlink_files(here)
        while left or trail:
            name = left.pop() if left else ".."
            there = _open(name, here)
            os.close(here)
            here = there
            if name == "..":
                emptied, left = trail.pop()
                os.rmdir(emptied, dir_fd=here)
            else:
                trail.append((name, left))
                left = _unlink_files(here)
    finally:
        os.close(here)


def _open(name: str | Path, here: int | None = None) -> int:
    """Open a folder in another one; of one's own that is closed to oneself the mode is changed, and of nothing else."""
    try:
        return os.open(name, _FOLDER, dir_fd=here)
    except PermissionError:
        if not hasattr(os, "O_PATH"):
            raise
        handle = os.open(name, _FOLDER | os.O_PATH, dir_fd=here)
    try:
        os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)  # noqa: PTH101 - not by its name, which may be a link by now
    finally:
        os.close(handle)
    return os.open(name, _FOLDER, dir_fd=here)


def _unlink_files(here: int) -> list[str]:
    """Unlink all in an open folder that are no folders; return the names of those that are."""
    with contextlib.suppress(PermissionError):
        if not os.fstat(here).st_mode & stat.S_IWUSR:  # of one's own that is read-only
            os.fchmod(here, stat.S_IRWXU)
    folders = []
    with os.scandir(here) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=here)
    return folders
