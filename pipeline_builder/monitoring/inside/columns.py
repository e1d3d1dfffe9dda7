"""What is known of a column after one pass over it: counts, moments, a sketch of its numbers, its categories."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from .header import shortened
from .reading import is_date, numbers_of
from .sketch import SIZE, Sketch

NUMERICAL, CATEGORICAL, UNKNOWN = "numerical", "categorical", "unknown"
# Of a column's values this share has to be numbers for it to be numerical, or dates to be those.
_NUMBERS = 0.95
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?")
_LONGEST = 100
# Of whole numbers that a fraction has each of: microseconds are such.
_MOST_EXACT = 1 << 53
_MOST_KEPT = 4_000_000
_MOST_CATEGORIES = 10_000
_LEAST_CATEGORIES = 100
_LEAST_SKETCH = 100
# More values than these, most of which are there once, are no categories.
_IDENTITIES = 50


class Column:
    """A column, fed part by part; `asked` is the type that the conf or the baseline says."""

    def __init__(self, name: str, columns: int = 1, asked: str = "") -> None:
        self.name = name
        self.asked = asked
        self.rows = self.missing = self.numbers = self.infinite = self.texts = 0
        self.mean = self.squares = self.total = 0.0
        self.least, self.most = math.inf, -math.inf
        self.is_whole = True
        self.sketch = Sketch(max(_LEAST_SKETCH, min(SIZE, _MOST_KEPT // columns)))
        self.categories: dict[str, int] = {}
        self.is_complete = True
        self._most_categories = max(_LEAST_CATEGORIES, min(_MOST_CATEGORIES, _MOST_KEPT // columns))

    @property
    def present(self) -> int:
        """How many values there are."""
        return self.rows - self.missing

    @property
    def type(self) -> str:
        """What the column is: as it was asked for, or as most of its values are."""
        if self.asked:
            return self.asked
        if not self.present:
            return UNKNOWN
        return NUMERICAL if self.numbers + self.infinite >= _NUMBERS * self.present else CATEGORICAL

    @property
    def has_categories(self) -> bool:
        """Whether its values are such that come again: identities of rows are none, nor are dates unless the conf says
        so, nor are more than are counted.
        """
        count = len(self.categories)
        if not self.asked and sum(n for name, n in self.categories.items() if _DATE.fullmatch(name)) >= (
            _NUMBERS * max(1, self.present)
        ):
            return False
        return self.is_complete and not (count > _IDENTITIES and count * 2 > self.present)

    @property
    def deviation(self) -> float:
        """The standard deviation of all of its numbers (not of a sample of more)."""
        return math.sqrt(max(0.0, self.squares / self.numbers)) if self.numbers else 0.0

    def absent(self, rows: int) -> None:
        """Count rows of a part that hasn't got the column."""
        self.rows += rows
        self.missing += rows

    def add(self, values: Any) -> None:
        """Take in a part of the column."""
        missing = values.isna().to_numpy()
        self.rows += len(values)
        self.missing += int(missing.sum())
        numbers = numbers_of(values)
        is_number = ~np.isnan(numbers)
        finite = np.isfinite(numbers)
        self.infinite += int((is_number & ~finite).sum())
        self.texts += int((~missing & ~is_number).sum())
        if self.asked != CATEGORICAL:
            self._add_numbers(numbers[finite])
        else:
            self.numbers += int(finite.sum())
        if self.asked != NUMERICAL and self.is_complete and not (self.asked == "" and self._is_plainly_numbers()):
            there = values[~missing]
            self._add_categories(there.astype(str) if is_date(values) else there)

    def _is_plainly_numbers(self) -> bool:
        """Whether nothing but more numbers than categories are ever kept of has come: then none is counted."""
        return not self.texts and not self.categories and self.sketch.count > self._most_categories

    def _add_numbers(self, numbers: Any) -> None:
        count = len(numbers)
        if not count:
            return
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean())
            squares = float(((numbers - mean) ** 2).sum())
            total = self.numbers + count
            apart = mean - self.mean
            self.squares += squares + apart * apart * self.numbers * count / total
            self.mean += apart * count / total
            self.total += float(numbers.sum())
        self.numbers = total
        self.least, self.most = min(self.least, float(numbers.min())), max(self.most, float(numbers.max()))
        self.is_whole = self.is_whole and bool((numbers == np.floor(numbers)).all())
        self.sketch.add(numbers)

    def _add_categories(self, values: Any) -> None:
        try:
            counted = values.value_counts(sort=False)
        except TypeError:  # values that can't be told apart by a hash
            counted = values.map(repr).value_counts(sort=False)
        if len(counted) > 2 * self._most_categories:  # spellings of one value are few
            self.is_complete = False
            self.categories = {}
            return
        for value, count in counted[counted > 0].items():  # a dictionary names values that no row has
            key = category(value)
            self.categories[key] = self.categories.get(key, 0) + int(count)
        if len(self.categories) > self._most_categories:
            self.is_complete = False
            self.categories = {}


def category(value: Any) -> str:
    """Return how a value is called: a number as it is whether or not others of its column have made it a fraction,
    and a long text by its beginning and a digest.
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, float, np.number)):
        number = float(value)
        if abs(number) < 1e15:
            return f"{number:.15g}"
        return str(int(value) if number.is_integer() and abs(number) <= _MOST_EXACT else value)
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return text.lower()
    return _as_number(shortened(text, _LONGEST))


def _as_number(text: str) -> str:
    """`1.0` and `1` are the same; `007` and `1e5` are what they are."""
    if not text or not (text[0].isdigit() or text[0] in "+-.") or not text.strip("+-.").replace(".", "", 1).isdigit():
        return text
    whole, _, rest = text.lstrip("+-").partition(".")
    if len(whole) > 1 and whole.startswith("0"):
        return text
    if len(whole) > 15:
        return text.rstrip("0").rstrip(".") if rest and not rest.strip("0") else text
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text
