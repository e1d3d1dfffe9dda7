"""Rows of the state as values: what a damaged file, or another's hand, has put there is said, and not believed."""

from __future__ import annotations

import enum
import functools
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from pipeline_builder.engine.state.damage import MEND
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.inert import inert_line

Value = TypeVar("Value")
Kind = TypeVar("Kind", bound=enum.Enum)
_SHOWN = 60


class Row(sqlite3.Row):
    """A row whose columns are read as what they have to be; PB672 where one is something else."""

    def json(self, column: str) -> Any:
        """Return a column's JSON: a mapping, wherever the state keeps any."""
        return self._read(column, _mapping)

    def list(self, column: str) -> list[Any]:
        """Return a column's JSON where that is a list."""
        return self._read(column, _list)

    def time(self, column: str) -> datetime:
        """Return a time that has to be there."""
        return self._read(column, datetime.fromisoformat)

    def time_or_none(self, column: str) -> datetime | None:
        """Return a time, None where there is none yet."""
        return self.time(column) if self[column] else None

    def number(self, column: str) -> int:
        """Return a whole number."""
        return self._read(column, _number)

    def one_of(self, column: str, kind: type[Kind]) -> Kind:
        """Return a member of an enumeration."""
        return self._read(column, kind)

    def content(self, column: str) -> bytes:
        """Return bytes that are a JSON mapping, as definitions are."""
        return self._read(column, _document)

    def _read(self, column: str, read: Callable[[Any], Value]) -> Value:
        value = self[column]
        try:
            return read(value)
        except (ValueError, TypeError, RecursionError) as error:
            shown = inert_line(repr(value), _SHOWN)
            message = f"the state is damaged: in the row of '{self._name()}' the column '{column}' is {shown}"
            raise OutsideFailure(Problem(id="PB672", message=message, hint=MEND)) from error

    def _name(self) -> str:
        """Return what people know the row by."""
        names = [str(self[key]) for key in ("arn", "execution", "package", "pipeline", "name") if key in self.keys()]
        return inert_line(names[0] if names else str(self[0]), 200)


def _mapping(text: Any) -> Any:
    found = json.loads(_text(text))
    if not isinstance(found, dict):
        raise TypeError(text)
    return found


def _list(text: Any) -> list[Any]:
    found = json.loads(_text(text))
    if not isinstance(found, list):
        raise TypeError(text)
    return found


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(text)
    return text


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(value)
    return value


def _document(value: Any) -> bytes:
    return _checked(_bytes(value))


@functools.lru_cache(maxsize=4)  # a command asks for the same definition several times
def _checked(found: bytes) -> bytes:
    _mapping(found.decode())
    return found


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):  # SQLite keeps what it is given, and compares both alike
        return value.encode()
    if not isinstance(value, bytes):
        raise TypeError(value)
    return value
