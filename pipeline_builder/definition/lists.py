"""Lists of requirements as pip takes them: their lines, and the other lists of a bundle that they include."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

FILE = "requirements.txt"
_INCLUDES = re.compile(r"^(?:-r|-c|--req\w*|--con\w*)(?:\s*=\s*|\s+|(?<=^-[rc]))([^\s=].*)$")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_LARGEST = 1 << 20


def joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines as pip takes them: those that end with a backslash with the next, comments never."""
    held: list[str] = []
    first = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        comment = bool(_COMMENT.match(line))
        if line.endswith("\\") and not comment:
            first = first or number
            held.append(line.strip("\\"))
            continue
        whole = "".join([*held, f" {line}" if comment else line])
        yield first or number, _COMMENT.sub("", whole).strip()
        held, first = [], 0


def included(name: str, line: str) -> str:
    """Return the file that a line of the list `name` includes, by its path from the bundle's folder; "" for none.

    It may lie outside of the folder, or nowhere.
    """
    found = _INCLUDES.match(line)
    if not found or "://" in found[1]:
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), found[1].strip("'\" ")))


def inclusions(folder: Path, name: str = FILE) -> Iterator[tuple[str, int, str]]:
    """Yield list, line and file of every inclusion from a list on, each list once."""
    todo, seen = [name], {name}
    while todo:
        current = todo.pop()
        for number, line in joined(_read(folder, current)):
            if inner := included(current, line):
                yield current, number, inner
                if inner not in seen:
                    seen.add(inner)
                    todo.append(inner)


def _read(folder: Path, name: str) -> str:
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return ""
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8-sig", "replace")
