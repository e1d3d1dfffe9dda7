"""Rows of a Parquet file, which its footer says: no data is unpacked, and no library of tens of megabytes is needed."""

from __future__ import annotations

from collections.abc import Iterable

MAGIC = b"PAR1"
_MOST_FOOTER = 64 << 20
_TAIL = 8
"""Bytes behind the footer: its length, and the magic letters once more."""
_ROWS = 3
"""The field of FileMetaData with the number of rows; fields come in the order of their numbers."""
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = (4, 5, 6)
_LONGEST = 10
"""Bytes of a number, at most."""
_DEEPEST = 20


def parquet_rows(first: bytes, blocks: Iterable[bytes]) -> int | None:
    """Return how many rows a stream of Parquet has; None of one that is damaged, or encrypted."""
    kept = bytearray(first)
    for block in blocks:
        kept += block
        del kept[: max(len(kept) - _MOST_FOOTER, 0)]
    length = int.from_bytes(kept[-_TAIL:-4], "little")
    if not kept.endswith(MAGIC) or length > len(kept) - _TAIL:
        return None
    try:
        rows = _Compact(bytes(kept[-_TAIL - length : -_TAIL])).number_of(_ROWS)
    except (IndexError, ValueError):
        return None
    return rows if rows >= 0 else None


class _Compact:
    """Reads Thrift's compact protocol, as far as one number needs it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number_of(self, wanted: int) -> int:
        """Return a field of the struct at hand that is a whole number; ValueError where it isn't there."""
        field = 0
        while (kind := self._field()) is not None:
            field = kind[0] or field + kind[1]
            if field == wanted and kind[2] in _NUMBERS:
                return self._signed()
            self._skip(kind[2])
        raise ValueError("the field isn't there")

    def _field(self) -> tuple[int, int, int] | None:
        """Return a field's own number or else its distance from the one before, and its type; None at the end."""
        head = self._byte()
        if head == _STOP:
            return None
        distance = head >> 4
        return 0 if distance else self._signed(), distance, head & 15

    def _skip(self, kind: int, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind == _STRUCT:
            while (field := self._field()) is not None:
                self._skip(field[2], depth + 1)
        elif kind in (_LIST, _SET):
            head = self._byte()
            self._skip_items(head >> 4 if head >> 4 != 15 else self._number(), depth, head & 15)
        elif kind == _MAP:
            kinds = self._byte() if (size := self._number()) else 0
            self._skip_items(size, depth, kinds >> 4, kinds & 15)
        else:
            self._skip_plain(kind)

    def _skip_plain(self, kind: int) -> None:
        if kind in _NUMBERS:
            self._number()
        elif kind == _BINARY:
            self._pass(self._number())
        elif kind in (_BYTE, _DOUBLE):
            self._pass(1 if kind == _BYTE else 8)
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("there is no such type")

    def _skip_items(self, size: int, depth: int, *kinds: int) -> None:
        """Pass the items of a list or a map, where a boolean takes a byte."""
        for _ in range(size):
            for kind in kinds:
                self._pass(1) if kind in (_TRUE, _FALSE) else self._skip(kind, depth + 1)

    def _pass(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("it ends before")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _number(self) -> int:
        found = 0
        for place in range(_LONGEST):
            byte = self._byte()
            found |= (byte & 127) << (7 * place)
            if byte < 128:
                return found
        raise ValueError("a number is too long")

    def _signed(self) -> int:
        found = self._number()
        return (found >> 1) ^ -(found & 1)
