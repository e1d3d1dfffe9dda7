"""Predictions and labels: the one column of each that counts, row by row."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from .columns import Column, category
from .failure import UnusableError
from .header import NAMES
from .reading import Table
from .tables import meant

PREDICTION = "prediction"


class Answers:
    """A column of a folder's files and, with `key`, that of the keys; `asked` is its name or number, or empty."""

    def __init__(self, asked: str, key: str, kind: str = "", *, kept: bool) -> None:
        self.asked, self.key, self.kept = asked, key, kept
        self.rows = 0
        self.column = Column(PREDICTION, 1, kind)
        self.values: list[Any] = []
        self.keys: list[Any] = []
        self.unread: list[str] = []

    def read(self, folder: str, table: Table, *, strict: bool) -> Answers:
        """Read all files below a folder.

        Raises:
            UnusableError: with `strict` for a file that can't be read, and for one without the column.
        """
        for path in meant(table, folder, self.unread, strict=strict):
            try:
                for part in table.parts(path):
                    self.see(part, os.path.basename(path))
            except UnusableError as error:
                if strict:
                    raise
                self.unread.append(str(error))
        return self

    def see(self, part: Any, file: str = "") -> None:
        """Take in rows, of a file that is named where they haven't got the column."""
        values = part[self._name(part, file)]
        self.rows += len(part)
        self.column.add(values)
        if self.kept:
            self.values.append(values.reset_index(drop=True))
            if self.key and self.key in part.columns:
                self.keys.append(_named(part[self.key]).reset_index(drop=True))

    def _name(self, part: Any, file: str) -> str:
        names = [str(name) for name in part.columns]
        if self.asked and self.asked in names:
            return self.asked
        if self.asked.lstrip("-").isdigit() and -len(names) <= int(self.asked) < len(names):
            return names[int(self.asked)]
        if self.asked and len(names) > 1:
            there = ", ".join(names[:20])
            raise UnusableError(f"'{file or 'the data'}' has no column '{self.asked}', it has: {there[:300]}")
        return next((name for name in NAMES if name in names), names[-1]) if not self.asked else names[-1]

    @property
    def all_values(self) -> Any:
        """The column as a whole."""
        return pd.concat(self.values, ignore_index=True) if self.values else pd.Series([], dtype=float)

    @property
    def all_keys(self) -> Any:
        """The keys as a whole; None where there is none for each row."""
        found = pd.concat(self.keys, ignore_index=True) if self.keys else None
        return found if found is not None and len(found) == self.rows else None


class Keys:
    """The keys of the input's rows, which predictions come in the order of."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._parts: list[Any] = []
        self._rows = 0

    def see(self, part: Any) -> None:
        """Take in rows."""
        self._rows += len(part)
        if self.key in part.columns:
            self._parts.append(_named(part[self.key]))

    @property
    def all(self) -> Any:
        """The keys as a whole; None where there is none for each row."""
        found = pd.concat(self._parts, ignore_index=True) if self._parts else None
        return found if found is not None and len(found) == self._rows else None


def _named(keys: Any) -> Any:
    """Return how keys are called; one that is missing stays so, and tells no row."""
    return keys.map(category, na_action="ignore")
