"""Rows of data, counted as they pass by: records of CSV, lines of JSON, what a Parquet file says; of others nobody
counts them here.
"""

from __future__ import annotations

import csv
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator

from pipeline_builder.machine.streams import BLOCK, Readable
from pipeline_builder.release.scoring.parquet import MAGIC, parquet_rows
from pipeline_builder.target import ObjectStore

MOST_COUNTED = 4 << 30
"""Bytes of one model's data that are read only to be counted; of more the rows aren't known."""
MOST_ROWS = 1 << 53
FEW, EMPTY = "PB973", "PB979"
_FIRST = 64 << 10
_SEPARATORS = ",;\t|"
_GZIP, _BINARY = b"\x1f\x8b", b"\0"
_MAGIC = (b"ORC", b"Obj\x01", b"PK\x03\x04", b"\x93NUMPY")


def count_rows(store: ObjectStore, uris: Iterable[str]) -> int | None:
    """Return how many rows objects have together, without a header; None where one has a form that isn't counted."""
    total, left = 0, MOST_COUNTED
    for uri in uris:
        if uri.endswith("/"):
            continue  # the marker of a folder
        with store.reading(uri) as body:
            counting = _Limited(body, left)
            found = rows_of(counting)
        left = counting.left
        if found is None or left <= 0:
            return None
        total += found
    return total


class _Limited:
    """Reads on until so many bytes have been read."""

    def __init__(self, body: Readable, left: int) -> None:
        self._body = body
        self.left = left

    def read(self, size: int, /) -> bytes:
        block = self._body.read(min(size, max(self.left, 0))) if self.left > 0 else b""
        self.left -= len(block)
        return block


def rows_of(body: Readable) -> int | None:
    """Return how many rows a stream has; None where that can't be told."""
    blocks = iter(lambda: body.read(BLOCK), b"")
    first = next(blocks, b"")
    if not first.strip():
        return 0
    if first.startswith(_GZIP):
        return _unpacked_rows(first, blocks)
    if first.startswith(MAGIC):
        return parquet_rows(first, blocks)
    if first.startswith(_MAGIC) or _BINARY in first[:_FIRST]:
        return None
    if first.lstrip()[:1] in b"{[":
        return _json_rows(first, blocks)
    return _csv_rows(first, blocks)


def _unpacked_rows(first: bytes, blocks: Iterator[bytes]) -> int | None:
    unpacked = _Unpacked(itertools.chain((first,), blocks))
    try:
        found = rows_of(unpacked)
    except zlib.error:
        return None
    return found if unpacked.whole else None


class _Unpacked:
    """Reads what a stream of gzip has packed, a part at a time."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._unpacker = zlib.decompressobj(wbits=31)

    def read(self, size: int, /) -> bytes:
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or next(self._blocks, b"")
            plain = self._unpacker.decompress(packed, size)
            if plain or not packed:
                return plain
        return b""

    @property
    def whole(self) -> bool:
        """Whether that was one archive to its end: neither half of one, nor one of several."""
        return self._unpacker.eof and not self._unpacker.unused_data and not any(self._blocks)


def _json_rows(first: bytes, blocks: Iterator[bytes]) -> int | None:
    """Count lines, where the first one is a whole value: a document over several lines is nobody's table."""
    line = first.lstrip().partition(b"\n")[0].strip()
    if any(line.count(opened) != line.count(closed) for opened, closed in ((b"[", b"]"), (b"{", b"}"))):
        return None
    count = sum(_lines(first, blocks))
    return None if count == 1 and line.startswith((b"[[", b"[{")) else count


def _lines(first: bytes, blocks: Iterator[bytes]) -> Iterator[int]:
    begun = False
    for block in _plain(first, blocks):
        yield _ended(block, begun=begun)
        begun = not block.endswith(b"\n") if block else begun
    yield int(begun)


def _csv_rows(first: bytes, blocks: Iterator[bytes]) -> int | None:
    """Count records: the ends of lines outside of quotes, where something stands before them."""
    quoted, begun, count = False, False, 0
    for block in _plain(first, blocks):
        for number, part in enumerate(block.split(b'"')):
            if number:
                quoted, begun = not quoted, True
            if part and not quoted:
                count += _ended(part, begun=begun)
                begun = not part.endswith(b"\n")
    if quoted:
        return None  # a quote that nobody closes: what looks like the end of a row may be none
    return max(count + begun - _has_header(first), 0)


def _ended(part: bytes, *, begun: bool) -> int:
    """Return how many lines with something in them end in a part; `begun` says that the first one has begun before."""
    lines = part.split(b"\n")
    return sum(map(bool, lines[1:-1])) + (bool(lines[0]) or begun) if len(lines) > 1 else 0


def _plain(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks of a text without its carriage returns."""
    yield first.replace(b"\r", b"")
    yield from (block.replace(b"\r", b"") for block in blocks)


def _has_header(first: bytes) -> bool:
    """Tell whether the first row names columns: nothing in it is a number, and something below a name is.

    An index that pandas has written in front has no name.
    """
    text = first[:_FIRST].decode("utf-8-sig", "replace")
    separator = max(_SEPARATORS, key=text.lstrip().partition("\n")[0].count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        names, values = itertools.islice((row for row in rows if row), 2)
    except (ValueError, csv.Error):
        return False
    below = (value for name, value in zip(names, values, strict=False) if name)
    return all(names[1:]) and not any(map(_is_number, names)) and any(map(_is_number, below))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def said_rows(found: object) -> int | None:
    """Return how many rows there are by what a job's report says; None where that is no number of rows."""
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < MOST_ROWS else None


def few_rows(rows_in: int | None, rows_out: int | None, share: float) -> str:
    """Return in words that there are too few predictions for the rows that came, or that none came; empty where that
    isn't so, or isn't known.
    """
    if rows_in == 0 and share:
        return f"{EMPTY} there are no rows in its data"
    if rows_in is None or rows_out is None or rows_out >= rows_in * share:
        return ""
    least = "" if share == 1 else f" ('min_rows_share' is {share:g})"
    return f"{FEW} there are {rows_out:,} predictions for {rows_in:,} rows{least}"
