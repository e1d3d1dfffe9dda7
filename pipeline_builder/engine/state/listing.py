"""The files of a folder as a listing of keys has them: by the beginnings of their paths, links as far as they stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

LEADS_OUT = "a link that leads out of '{}'"


def files_below(folder: Path, prefix: str, boundary: Path, left_out: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder whose paths below it begin with the prefix, each with that; no more is looked at.

    A link to a folder is that folder, as an address through it is. One that leads out of `boundary`, or back to where
    it is itself, is none, and neither is what is no file: `left_out` gets their paths, with the reason.
    """
    parent, _, start = prefix.rpartition("/")
    above = folder / parent
    if not above.is_dir():  # nothing, a file, or a link that leads nowhere or to itself
        return
    if why := fault_of(above, boundary):
        left_out.append(f"'{above}' ({why})")
        return
    looked = _Looked(boundary, left_out)
    below = f"{parent}/" if parent else ""
    for entry in [entry for entry in _entries(above) if entry.name.startswith(start)]:
        if _is_dir(entry):
            if looked.leads_on(entry):
                yield from _walk(entry.path, f"{below}{entry.name}/", looked)
        elif looked.is_file(entry):
            yield f"{below}{entry.name}", entry.path


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


def fault_of(path: Path | str, boundary: Path) -> str:
    """Return why what is at a path below the boundary is no object, empty where it is one, or nothing is there."""
    here, text = str(boundary), str(path)
    within = text[len(here) + 1 :] if text.startswith(f"{here}/") else str(Path(path).relative_to(boundary))
    for part in within.split("/"):
        here = f"{here}/{part}"
        if os.path.islink(here):  # noqa: PTH114 - a Path of each would take longer than all the rest
            return "" if _stays(Path(path), boundary.resolve()) else LEADS_OUT.format(boundary)
    return ""


class _Looked:
    """What was looked at on a way through a folder."""

    def __init__(self, boundary: Path, left_out: list[str]) -> None:
        self._boundary = boundary
        self._left_out = left_out

    @cached_property
    def _real(self) -> Path:
        # When there is a link to be held against it: each part of its path is a look at the disk.
        return self._boundary.resolve()

    def is_file(self, entry: os.DirEntry[str]) -> bool:
        if entry.is_file(follow_symlinks=False):
            return True
        if not entry.is_symlink():
            return self.leave_out(entry.path, "no file")
        path = Path(entry.path)
        if not _stays(path, self._real):
            return self.leave_out(entry.path, LEADS_OUT.format(self._boundary))
        return path.is_file() or self.leave_out(entry.path, "a link that leads nowhere")

    def leads_on(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return True
        folder = Path(entry.path)
        if not _stays(folder, self._real):
            return self.leave_out(entry.path, LEADS_OUT.format(self._boundary))
        real = folder.resolve()
        return all(real != above.resolve() for above in folder.parents) or self.leave_out(
            entry.path, "a link to itself"
        )

    def leave_out(self, path: str, why: str) -> bool:
        self._left_out.append(f"'{path}' ({why})")
        return False


def _walk(folder: str, below: str, looked: _Looked) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder; a pipe would be waited for forever, and a link that leads nowhere is none."""
    waiting = [(folder, below)]
    while waiting:
        here, below = waiting.pop()
        try:
            entries = [(entry, _is_dir(entry)) for entry in _entries(here)]
        except OSError as error:
            looked.leave_out(here, str(error.strerror))
            continue
        onward = [entry for entry, is_dir in entries if is_dir and looked.leads_on(entry)]
        waiting += [(entry.path, f"{below}{entry.name}/") for entry in reversed(onward)]
        for entry, is_dir in entries:
            if not is_dir and looked.is_file(entry):
                yield below + entry.name, entry.path


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _stays(path: Path, real: Path) -> bool:
    try:
        return path.resolve().is_relative_to(real)
    except (OSError, RuntimeError):  # Python before 3.13 raises the latter for a link to itself
        return False
