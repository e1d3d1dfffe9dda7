"""The files of a folder as a listing of keys has them: by the beginnings of their paths, links as far as they stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def links_out(folder: Path, prefix: str) -> list[str]:
    """Return the links that `files_below` leaves out as they lead out of the folder, by their paths below it."""
    parent, _, start = prefix.rpartition("/")
    inside, found = os.path.realpath(folder), []
    if not _is_in(folder / parent, inside):
        return [parent]
    if not (folder / parent).is_dir():
        return []
    waiting = [path for path in (folder / parent).iterdir() if path.name.startswith(start)]
    while waiting:
        path = waiting.pop()
        if path.is_symlink() and not _is_in(path, inside):
            found.append(path.relative_to(folder).as_posix())
        elif path.is_dir() and not path.is_symlink():
            waiting += path.iterdir()
    return sorted(found)


def _is_in(path: Path, inside: str) -> bool:
    """Tell whether a path ends below a folder; a link to itself ends nowhere else."""
    real = os.path.realpath(path)
    return real == inside or real.startswith(f"{inside}/")


def files_below(folder: Path, prefix: str) -> Iterator[Path]:
    """Yield the files of a folder whose paths below it begin with the prefix, and no more is looked at than that.

    A link to a folder is that folder, as an address through it is; one that leads out of `folder`, or back to where it
    is itself, is none. Whether a file's own link leads out is the caller's to look at.
    """
    parent, _, start = prefix.rpartition("/")
    if not (folder / parent).is_dir():  # nothing, a file, or a link that leads nowhere or to itself
        return
    paths = sorted(path for path in (folder / parent).iterdir() if path.name.startswith(start))
    inside = folder.resolve()
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir() and _leads_on(path, inside):
            yield from _walk(path, inside)


def _walk(folder: Path, inside: Path) -> Iterator[Path]:
    """Yield the files below a folder; a pipe would be waited for forever, and a link that leads nowhere is none."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if _leads_on(Path(parent, name), inside))
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path


def _leads_on(folder: Path, inside: Path) -> bool:
    if not folder.is_symlink():
        return True
    real = folder.resolve()
    return real.is_relative_to(inside) and all(real != above.resolve() for above in folder.parents)
