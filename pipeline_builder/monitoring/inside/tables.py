"""All columns of a folder's files, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .columns import Column
from .failure import UnusableError
from .reading import Table


class Profile:
    """The columns by name, in the order in which they were found; `unread` says in words what couldn't be read."""

    def __init__(self, types: dict[str, str], left_out: frozenset[str] = frozenset()) -> None:
        self.rows = 0
        self.columns: dict[str, Column] = {}
        self.unread: list[str] = []
        self._types = types
        self._left_out = left_out

    def add(self, part: Any) -> None:
        """Take in rows; a column was missing in all those before it came, and is where it stays away."""
        names = [name for name in part.columns if name not in self._left_out]
        for name in names:
            if name not in self.columns:
                self.columns[name] = Column(name, max(len(names), len(self.columns)), self._types.get(name, ""))
                self.columns[name].absent(self.rows)
        there = {*names}
        for name, column in self.columns.items():
            if name in there:
                column.add(part[name])
            else:
                column.absent(len(part))
        self.rows += len(part)


def read_profile(
    folder: str, table: Table, profile: Profile, *, strict: bool, see: Callable[[Any], None] | None = None
) -> Profile:
    """Read all files below a folder into the profile; `see` gets each part as well.

    Raises:
        UnusableError: with `strict` for a file that can't be read, which is a line of `unread` otherwise.
    """
    for path in meant(table, folder, profile.unread, strict=strict):
        try:
            for part in table.parts(path):
                profile.add(part)
                if see:
                    see(part)
        except UnusableError as error:
            if strict:
                raise
            profile.unread.append(str(error))
    return profile


def meant(table: Table, folder: str, unread: list[str], *, strict: bool) -> list[str]:
    """Return the folder's files that are data.

    Raises:
        UnusableError: with `strict` where that can't be told, which is a line of `unread` otherwise.
    """
    try:
        return table.files(folder)
    except UnusableError as error:
        if strict:
            raise
        unread.append(str(error))
        return []
