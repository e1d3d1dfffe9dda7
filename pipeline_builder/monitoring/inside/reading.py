"""Files of a folder as tables, part by part: CSV, JSON lines, Parquet; memory is bounded by a part."""

from __future__ import annotations

import bz2
import codecs
import fnmatch
import gzip
import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd

from . import json_lines, parquet
from .failure import UnusableError
from .header import Header, label, unique
from .limits import Limited

PART_BYTES = 16 << 20
MOST_ROWS = 50_000
_PROBE = 1 << 20
# The column that takes what a row has too much.
_MORE = "\0more"
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}
_JSON = (".json", ".jsonl", ".ndjson", ".jsonlines")
_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_LEFT_OUT = (".manifest",)


class Table:
    """How the files of a folder are read: `settings` are the conf's, `known` the columns that are expected."""

    def __init__(self, settings: dict[str, Any], known: Sequence[str] = (), texts: Sequence[str] = ()) -> None:
        self.format = settings.get("format") or ""
        self.header = Header(settings.get("header"), settings.get("names") or (), known)
        self.separator = settings.get("separator") or ","
        self.encoding = settings.get("encoding") or "utf-8"
        if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            self.encoding = "utf-8-sig"
        self.patterns = tuple(settings.get("files") or ())
        self.rows_key = settings.get("rows_key") or ""
        self.texts = frozenset(texts) - {""}

    def files(self, folder: str) -> list[str]:
        """Return the files below a folder that are meant.

        Raises:
            UnusableError: they are written in several ways, so that not all can be meant.
        """
        found = [path for path in files_below(folder) if self._is_meant(path)]
        kinds: dict[str, str] = {}
        for path in found if not self.format else ():
            kinds.setdefault(self._kind_by_name(path), os.path.basename(path))
        if len(kinds) > 1 and not self.patterns:
            named = ", ".join(f"'{name}'" for name in sorted(kinds.values()))
            raise UnusableError(f"the files are written in several ways: {named}; put others elsewhere, or say 'files'")
        return found

    def _is_meant(self, path: str) -> bool:
        name = os.path.basename(path)
        return not self.patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def parts(self, path: str) -> Iterator[Any]:
        """Yield a file's rows as tables.

        Raises:
            UnusableError: the file can't be read, with its name.
        """
        name = os.path.basename(path)
        try:
            yield from self._parts(path)
        except UnusableError as error:
            raise UnusableError(f"'{name}' {error}") from None
        except (UnicodeError, LookupError) as error:
            raise UnusableError(f"'{name}' is not {self.encoding.replace('-sig', '')}: {_short(error)}") from None
        except (ValueError, OSError, EOFError, OverflowError, RecursionError) as error:
            raise UnusableError(f"'{name}' can't be read as {self._kind(path)}: {_short(error)}") from None

    def _kind_by_name(self, path: str) -> str:
        plain = path.lower()
        for end in _OPENERS:
            plain = plain[: -len(end)] if plain.endswith(end) else plain
        if plain.endswith(_PARQUET):
            return "parquet"
        if plain.endswith(_JSON):
            return "json_lines"
        return "csv" if plain.endswith(_CSV) else ""

    def _kind(self, path: str) -> str:
        if found := self.format or self._kind_by_name(path):
            return found
        first = self._probe(path).lstrip()[:1]
        return "json_lines" if first in ("{", "[") else "csv"

    def _parts(self, path: str) -> Iterator[Any]:
        kind = self._kind(path)
        if kind == "parquet":
            yield from (self._plain(part) for part in parquet.parts(path, MOST_ROWS, self.texts))
            return
        if kind == "json_lines":
            raw, text = self._open(path)
            with text as file:
                for part in json_lines.parts(file, MOST_ROWS, PART_BYTES, self.rows_key, self.texts):
                    raw.seen = 0
                    yield self._plain(part)
            return
        yield from self._csv(path)

    def _plain(self, table: Any) -> Any:
        table.columns = unique([label(str(name)) for name in table.columns])
        return table

    def _csv(self, path: str) -> Iterator[Any]:
        probe = self._probe(path)
        if not probe.strip():
            return
        names, first = self.header.look(probe, self.separator)
        texts = {name: str for name in (*names, _MORE) if name in self.texts or name == _MORE}
        raw, text = self._open(path)
        with text as file:
            reader = pd.read_csv(
                file, sep=self.separator, names=[*names, _MORE], header=None, skiprows=first, dtype=texts,
                chunksize=_rows(probe), low_memory=False, index_col=False, float_precision="high",
                skip_blank_lines=len(names) > 1,
            )  # fmt: skip
            for part in reader:
                raw.seen = 0
                yield self._whole(part, len(names))

    def _whole(self, part: Any, count: int) -> Any:
        """Refuse rows with more fields than there are names, which pandas of some versions would cut."""
        if part.pop(_MORE).notna().any():
            raise UnusableError(f"has rows with more fields than its {count} columns")
        return part

    def _probe(self, path: str) -> str:
        with self._raw(path) as file:
            found = file.read(_PROBE)
        decoder = codecs.getincrementaldecoder(self.encoding)()
        return str(decoder.decode(found, final=len(found) < _PROBE))

    def _raw(self, path: str) -> IO[bytes]:
        opener = next((found for end, found in _OPENERS.items() if path.lower().endswith(end)), open)
        file: IO[bytes] = opener(path, "rb")
        return file

    def _open(self, path: str) -> tuple[Limited, io.TextIOWrapper]:
        raw = Limited(self._raw(path))
        return raw, io.TextIOWrapper(io.BufferedReader(raw, 1 << 16), encoding=self.encoding, newline="")


def files_below(folder: str) -> list[str]:
    """Return the files below a folder in the order of their paths, in which a transform's stand as its input's did.

    Hidden ones and markers are none.
    """
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(base, name)
            for name in names
            if not name.startswith((".", "_")) and not name.endswith(_LEFT_OUT)
        ]
    return sorted(found, key=lambda path: path[:-4] if path.endswith(".out") else path)


def numbers_of(values: Any) -> Any:
    """Return a column's values as numbers; what is none is NaN, as is what is missing."""
    if is_date(values) or values.dtype.kind == "b" or _is_switch(values):
        return np.full(len(values), np.nan)
    if values.dtype.kind == "m":  # pandas makes the least of all numbers of a length of time that is missing
        return values.dt.total_seconds().to_numpy(dtype=float)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def is_date(values: Any) -> bool:
    """Tell whether a column has been read as points in time."""
    return bool(values.dtype.kind == "M")


def _is_switch(values: Any) -> bool:
    """True and false are no numbers, also where some are missing, and pandas has made objects of them."""
    return bool(values.dtype == object) and pd.api.types.infer_dtype(values, skipna=True) == "boolean"


def _rows(probe: str) -> int:
    lines = probe.count("\n") or 1
    return max(100, min(MOST_ROWS, PART_BYTES * lines // max(1, len(probe))))


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
