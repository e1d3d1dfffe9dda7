"""Folders: what is in one that was exported, or that stands where one is to be."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path


def same_files(one: Path, other: Path) -> bool:
    """Tell whether two folders have the same files, but for compiled Python files."""
    names = _files(one)
    if names is None or names != _files(other):
        return False
    return not any(filecmp.cmpfiles(one, other, names, shallow=False)[1:])


def has_repository(folder: Path) -> bool:
    """Tell whether somebody has made a repository in a folder or below it; no commit can bring one."""
    return any(".git" in (*folders, *files) for _, folders, files in os.walk(folder))


def _files(folder: Path) -> set[str] | None:
    """Return the paths of the files in a folder; None where it is none, or has a link in it."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts and path.suffix != ".pyc"]
    if any(path.is_symlink() for path in paths):
        return None
    return {str(path.relative_to(folder)) for path in paths if not path.is_dir()}


def begins_with(path: Path, text: bytes) -> bool:
    """Tell whether a file begins with these bytes; one that can't be read doesn't."""
    try:
        with path.open("rb") as file:
            return file.read(len(text)) == text
    except OSError:
        return False
