"""Rows of JSON: a value on each line, or one list; an answer with several predictions in it is as many rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import IO, Any

import pandas as pd

from .failure import UnusableError

_LISTS = ("predictions", "instances", "outputs")
# Where a transform that joins its input to its output puts what the model has answered.
_JOINED = "SageMakerOutput"
_MOST_WHOLE = 256 << 20


def parts(file: IO[str], most: int, size: int, key: str = "", texts: Collection[str] = frozenset()) -> Iterator[Any]:
    """Yield tables of at most about so many rows and characters; `key` is the member that has a line's rows, and in
    `texts` are columns whose whole numbers are names, of as many digits as they have.
    """
    rows: list[Any] = []
    read = 0
    for value, length in _values(file):
        rows.extend(_rows(value, key))
        read += length
        if len(rows) >= most or read >= size:
            yield _table(rows, texts)
            rows, read = [], 0
    if rows:
        yield _table(rows, texts)


def _values(file: IO[str]) -> Iterator[tuple[Any, int]]:
    for number, line in enumerate(file, 1):
        text = line.strip()
        if not text:
            continue
        try:
            yield json.loads(text), len(text)
        except ValueError:
            if number > 1:
                raise UnusableError(f"has no JSON on line {number}") from None
            yield _whole(line, file), 0
            return


def _whole(line: str, file: IO[str]) -> Any:
    """Return the value of a file that is written over several lines."""
    text = line + file.read(_MOST_WHOLE)
    try:
        return json.loads(text)
    except ValueError:
        raise UnusableError("is neither JSON lines nor one value in JSON") from None


def _rows(value: Any, key: str) -> list[Any]:
    """A list under a name has a row in each item, and so has a list of lists or mappings."""
    if isinstance(value, dict) and isinstance(value.get(_JOINED), dict):
        value = {**{name: item for name, item in value.items() if name != _JOINED}, **value[_JOINED]}
    if isinstance(value, dict):
        named = key if key in value else next((name for name in _LISTS if list(value) == [name]), "")
        inner = value.get(named) if named else None
        return list(inner) if isinstance(inner, list) else [value]
    if isinstance(value, list) and value and all(isinstance(item, (list, dict)) for item in value):
        return list(value)
    return [value]


def _table(rows: list[Any], texts: Collection[str]) -> Any:
    return pd.DataFrame([{str(key): _scalar(item, named=key in texts) for key, item in _members(row)} for row in rows])


def _members(row: Any) -> list[tuple[Any, Any]]:
    if isinstance(row, dict):
        return list(row.items())
    return [(f"_c{at}", item) for at, item in enumerate(row if isinstance(row, list) else [row])]


def _scalar(value: Any, *, named: bool) -> Any:
    """What is nested is its text: a column has values that can be counted."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 53:
        if named:  # a fraction would make one of neighbours
            return str(value)
        return float(value) if abs(value) < 1 << 1000 else str(value)[:64]
    return value
