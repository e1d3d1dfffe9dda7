"""The files of a folder as a listing of keys has them: by the beginnings of their paths, links as far as they stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LEADS_OUT = "a link that leads out of '{}'"


def files_below(folder: Path, prefix: str, boundary: Path, left_out: list[str]) -> Iterator[Path]:
    """Yield the files of a folder whose paths below it begin with the prefix, and no more is looked at than that.

    A link to a folder is that folder, as an address through it is. One that leads out of `boundary`, or back to where
    it is itself, is none, and neither is what is no file: `left_out` gets their paths, with the reason.
    """
    parent, _, start = prefix.rpartition("/")
    above = folder / parent
    if not above.is_dir():  # nothing, a file, or a link that leads nowhere or to itself
        return
    real = boundary.resolve()
    if not above.resolve().is_relative_to(real):
        left_out.append(f"'{above}' ({LEADS_OUT.format(boundary)})")
        return
    looked = _Looked(real, boundary, left_out)
    for path in sorted(path for path in above.iterdir() if path.name.startswith(start)):
        if path.is_dir():
            if looked.leads_on(path):
                yield from _walk(path, looked)
        elif looked.is_file(path):
            yield path


def has_only_files(folder: Path, count: int) -> bool:
    """Tell whether there are `count` files below a folder, and beside folders nothing else: no link, no pipe."""
    todo = [str(folder)]
    while todo and count >= 0:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    count -= 1
                else:
                    return False
    return count == 0


def fault_of(path: Path, boundary: Path) -> str:
    """Return why what is at a path below the boundary is no object, empty where it is one, or nothing is there."""
    here = str(boundary)
    for part in path.relative_to(boundary).parts:
        here = os.path.join(here, part)  # noqa: PTH118 - a Path of each would take longer than all the rest
        if os.path.islink(here):  # noqa: PTH114
            return "" if _stays(path, boundary.resolve()) else LEADS_OUT.format(boundary)
    return ""


class _Looked:
    """What was looked at on a way through a folder."""

    def __init__(self, real: Path, boundary: Path, left_out: list[str]) -> None:
        self._real = real
        self._boundary = boundary
        self._left_out = left_out

    def is_file(self, path: Path) -> bool:
        if path.is_symlink() and not _stays(path, self._real):
            return self._leave_out(path, LEADS_OUT.format(self._boundary))
        return path.is_file() or self._leave_out(path, "a link that leads nowhere" if path.is_symlink() else "no file")

    def leads_on(self, folder: Path) -> bool:
        if not folder.is_symlink():
            return True
        if not _stays(folder, self._real):
            return self._leave_out(folder, LEADS_OUT.format(self._boundary))
        real = folder.resolve()
        return all(real != above.resolve() for above in folder.parents) or self._leave_out(folder, "a link to itself")

    def _leave_out(self, path: Path, why: str) -> bool:
        self._left_out.append(f"'{path}' ({why})")
        return False


def _walk(folder: Path, looked: _Looked) -> Iterator[Path]:
    """Yield the files below a folder; a pipe would be waited for forever, and a link that leads nowhere is none."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if looked.leads_on(Path(parent, name)))
        for name in sorted(names):
            path = Path(parent, name)
            if looked.is_file(path):
                yield path


def _stays(path: Path, real: Path) -> bool:
    try:
        return path.resolve().is_relative_to(real)
    except (OSError, RuntimeError):  # Python before 3.13 raises the latter for a link to itself
        return False
