"""Whether a CSV file begins with the names of its columns, and which names they have where it doesn't."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from collections.abc import Sequence

from .failure import UnusableError

_LINES = 100
_LONGEST = 200
# What a column of predictions is called where nobody says it.
NAMES = ("prediction", "predictions", "predicted_label", "score", "probability", "label")


class Header:
    """`asked` is what the conf says (None: look), `names` the names it gives, `known` those that are expected."""

    def __init__(self, asked: bool | None, names: Sequence[str], known: Sequence[str]) -> None:
        self.asked = asked
        self.names = tuple(names)
        self.known = tuple(known)

    def look(self, text: str, separator: str) -> tuple[list[str], int]:
        """Return the columns' names, and how many rows to leave out; `text` is the beginning of the file."""
        empty, rows = self._rows(text, separator)
        if not rows:
            raise UnusableError("has no line that could be read")
        first = rows[0]
        has_header = self._is_header(rows) if self.asked is None else self.asked
        names = self._names(first, has_header=has_header)
        return unique([label(name) for name in names]), empty + 1 if has_header else 0

    def _names(self, first: list[str], *, has_header: bool) -> list[str]:
        if self.names:
            if len(self.names) != len(first):
                raise UnusableError(f"has {len(first)} columns, and 'names' has {len(self.names)}")
            return list(self.names)
        if has_header:
            return [name.strip() for name in first]
        if len(self.known) == len(first):
            return list(self.known)
        return [f"_c{number}" for number in range(len(first))]  # as Model Monitor calls them

    def _rows(self, text: str, separator: str) -> tuple[int, list[list[str]]]:
        """Return how many empty rows the text begins with, and the first others."""
        csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
        lines = io.StringIO(text, newline="")  # a text has more ends of lines than a file
        try:
            read = enumerate(csv.reader(lines, delimiter=separator))
            found = list(itertools.islice(((at, row) for at, row in read if any(map(str.strip, row))), _LINES))
        except csv.Error as error:
            raise UnusableError(f"can't be read as csv: {error}") from None
        return (found[0][0] if found else 0), [row for _, row in found]

    def _is_header(self, rows: list[list[str]]) -> bool:
        """Names are texts that are there once; below them are numbers, or none of them comes again."""
        first, others = [field.strip() for field in rows[0]], rows[1:]
        if self.known and len(set(first) & {*self.known}) * 2 >= min(len(first), len(self.known)):
            return True
        first, others = _without_unnamed(first, others)
        if not first or any(is_number(field) or not field for field in first) or len({*first}) < len(first):
            return False
        if len(first) == 1 and first[0].lower() in NAMES:
            return True
        if not others:
            return bool(self.known) or len(first) > 1
        width = len(first)
        columns = [[row[at].strip() for row in others if len(row) == width] for at in range(width)]
        if any(is_number(field) for column in columns for field in column):
            return True
        return len(rows[0]) > 1 and not any(name in column for name, column in zip(first, columns))


def _without_unnamed(first: list[str], others: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out what needs no name: pandas' index in front, of which no two are the same, and what ends of lines that
    have a separator too many leave behind.
    """
    rows = [row for row in others if len(row) == len(first)]
    front = [row[0].strip() for row in rows]
    begin = 1 if not first[0] and all(front) and len({*front}) == len(front) else 0
    end = len(first)
    while end > begin and not first[end - 1] and not any(row[end - 1].strip() for row in rows):
        end -= 1
    return first[begin:end], [row[begin:end] for row in rows]


def label(name: str) -> str:
    """Return a column's name; a long one is its beginning and a digest."""
    return shortened(name, _LONGEST)


def shortened(text: str, most: int) -> str:
    """Return a text that every file can have; a long one is its beginning and a digest."""
    known = text.encode("utf-8", "backslashreplace")  # JSON has halves of characters
    if len(text) > most:
        return f"{known.decode('utf-8')[:most]}…{hashlib.sha256(known).hexdigest()[:12]}"
    return text if text.isascii() else known.decode("utf-8")


def is_number(text: str) -> bool:
    """Tell whether a field reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def unique(names: list[str]) -> list[str]:
    """Return the names, of those that are there twice the later with a number behind them."""
    seen: dict[str, int] = {}
    taken = {*names}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        own = name
        while seen[name] > 1 and own in taken:
            own = f"{name}.{seen[name] - 1}"
            seen[name] += own in taken
        taken.add(own)
        found.append(own)
    return found
