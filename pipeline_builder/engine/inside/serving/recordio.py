"""RecordIO-wrapped protobuf, the format of SageMaker's own algorithms, read without a protobuf library.

Sources: aws/sagemaker-containers (record_pb2.py's schema, `aialgs.data.Record`), MXNet's RecordIO framing; protobuf's
wire format as its documentation has it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = 0xCED7230A
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Of a Value: which tensor it has, and how that packs its numbers.
_TENSORS = {2: "f", 3: "d", 7: "i"}
_FEATURES, _LABEL = 1, 2
_VALUES, _KEYS, _SHAPE = 1, 2, 3


class Record(NamedTuple):
    """A row: its values, their columns where it is sparse (else empty), how wide it is, and its label."""

    values: list[float]
    keys: list[int]
    shape: list[int]
    label: list[float]

    @property
    def is_sparse(self) -> bool:
        """Tell whether values are given by their column."""
        return bool(self.keys) or not self.values

    @property
    def width(self) -> int:
        """Return how many columns the row has."""
        return self.shape[0] if self.shape else max(self.keys, default=len(self.values) - 1) + 1


def read(content: bytes) -> Iterator[Record]:
    """Yield the rows of a body; ValueError for what is none."""
    at = 0
    while at + 8 <= len(content):
        magic, length = struct.unpack_from("<II", content, at)
        if magic != MAGIC:
            raise ValueError(f"Invalid RecordIO magic at offset {at}")
        at += 8
        if at + length > len(content):
            raise ValueError(f"Truncated record at offset {at}")
        yield _record(content[at : at + length])
        at += (length + 3) // 4 * 4


def _record(content: bytes) -> Record:
    values, keys, shape, label = [], [], [], []  # type: list[float], list[int], list[int], list[float]
    for field, value in _fields(content):
        if field == _FEATURES and isinstance(value, bytes):
            values, keys, shape = _entry(value)
        elif field == _LABEL and isinstance(value, bytes):
            label = _entry(value)[0]
    return Record(values, keys, shape, label)


def _entry(content: bytes) -> tuple[list[float], list[int], list[int]]:
    """Read an entry of the map of features or labels, whose key is "values"."""
    for field, value in _fields(content):
        if field == 2 and isinstance(value, bytes):
            for kind, tensor in _fields(value):
                if kind in _TENSORS and isinstance(tensor, bytes):
                    return _tensor(tensor, _TENSORS[kind])
    return [], [], []


def _tensor(content: bytes, code: str) -> tuple[list[float], list[int], list[int]]:
    values: list[float] = []
    integers: dict[int, list[int]] = {_KEYS: [], _SHAPE: []}
    for field, value in _fields(content):
        if field == _VALUES:
            values += _numbers(value, code)
        elif field in integers:
            integers[field] += _numbers(value, "i")
    return values, integers[_KEYS], integers[_SHAPE]


def _numbers(value: int | bytes, code: str) -> list[int]:
    """Return packed numbers: of 4 or 8 bytes each, or as varints."""
    if isinstance(value, int):
        return [value]
    if code == "i":
        found, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(number - (1 << 64) if number >> 63 else number)
        return found
    size = struct.calcsize(code)
    return list(struct.unpack(f"<{len(value) // size}{code}", value[: len(value) // size * size]))


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            number, at = _varint(content, at)
            yield field, number
            continue
        if kind == _BYTES:
            length, at = _varint(content, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a record has a field of the unknown kind {kind}")
        if at + length > len(content):
            raise ValueError("a record ends within a field")
        yield field, content[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, at
        shift += 7
    raise ValueError("a record ends within a number")
