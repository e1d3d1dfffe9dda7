"""How the content of a file is cut into records, and records are put into requests."""

from __future__ import annotations

import struct
import sys
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pipeline_builder.engine.inside import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Spec = Mapping[str, Any]

MEGABYTE = 1024 * 1024
_RECORDIO = 0xCED7230A
_WHOLE, _LAST = 0, 3  # of a record's parts: the flag says whether it is the first, in the middle, the last, or all


class Request(NamedTuple):
    """A request's body, and the records of the file that it is made of, as they were."""

    body: bytes
    records: list[bytes]


def requests(stream: IO[bytes], spec: Spec) -> Iterator[Request]:
    """Yield the requests of a file; a record of a line keeps its end.

    MultiRecord puts as many records into a request as its limit allows. ValueError where one record alone is larger.
    """
    limit = spec["max_payload_mb"] * MEGABYTE or sys.maxsize
    most = float("inf") if spec["strategy"] == "MultiRecord" else 1
    sent: list[bytes] = []
    records: list[bytes] = []
    size = 0
    body_of = _bodies(spec)
    for record in cut(stream, spec, limit):
        body = body_of(record) if body_of else record
        if len(body) > limit:
            raise ValueError(f"a record is larger than MaxPayloadInMB, {spec['max_payload_mb']} MB")
        if records and (len(records) >= most or size + len(body) > limit):
            yield Request(b"".join(sent), records)
            sent, records, size = [], [], 0
        sent.append(body)
        records.append(record)
        size += len(body)
    if records:
        yield Request(b"".join(sent), records)


def cut(stream: IO[bytes], spec: Spec, limit: int) -> Iterator[bytes]:
    """Yield the records of a file, with the padding that their format has; of one that is too large not all is read."""
    filtered = spec["join"] or spec["input_filter"]
    # What is filtered becomes smaller: there the limit is held against what is sent.
    part = limit + 1 if spec["max_payload_mb"] and not filtered else -1
    if spec["split"] == "RecordIO":
        yield from _recordio(stream, limit)
    elif spec["split"] == "TFRecord":
        yield from _tfrecord(stream, limit)
    else:
        read = stream.readline if spec["split"] == "Line" else stream.read
        while record := read(part):
            if record.strip() or not filtered:  # an empty line is no row
                yield record


def _bodies(spec: Spec) -> Callable[[bytes], bytes] | None:
    """Return what makes of a record what is sent of it, decided once for all of them; None where they are the same."""
    if spec["split"] in ("RecordIO", "TFRecord"):
        split = spec["split"]
        return (lambda record: _content(record, split)) if spec["strategy"] == "SingleRecord" else None
    path, kind = spec["input_filter"], rows.kind_of(spec["content_type"])
    if not path:
        return None
    whole = kind == rows.JSON_TYPE and spec["split"] == "None"

    def picked(record: bytes) -> bytes:
        with rows.said_of("InputFilter"):
            if whole:
                return rows.filtered(kind, record, path)
            return rows.on_lines(lambda line: rows.filtered(kind, line, path), record)

    return picked


def _content(record: bytes, split: str) -> bytes:
    """Return the data of a binary record without what is around it."""
    if split == "TFRecord":
        return record[12:-4]
    parts, position = [], 0
    while position < len(record):
        size = struct.unpack_from("<I", record, position + 4)[0] & 0x1FFFFFFF
        parts.append(record[position + 8 : position + 8 + size])
        position += 8 + size + (-size % 4)
    # The magic number within the data is what it was taken apart at.
    return struct.pack("<I", _RECORDIO).join(parts)


def _recordio(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Yield records of MXNet's RecordIO: a magic number, flag and size, the data, zeros up to a multiple of four."""
    parts: list[bytes] = []
    while header := stream.read(8):
        if len(header) < 8 or struct.unpack_from("<I", header)[0] != _RECORDIO:
            raise ValueError("this is no RecordIO: a record doesn't begin with its magic number")
        flag, size = divmod(struct.unpack_from("<I", header, 4)[0], 1 << 29)
        parts.append(header + _exactly(stream, size + (-size % 4), limit))
        if flag in (_WHOLE, _LAST):
            yield b"".join(parts)
            parts = []
    if parts:
        raise ValueError("the last record of the RecordIO file has no end")


def _tfrecord(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Yield records of TensorFlow: size, its check sum, the data, its check sum."""
    while header := stream.read(12):
        if len(header) < 12:
            raise ValueError("this is no TFRecord: the file ends within a record")
        yield header + _exactly(stream, struct.unpack_from("<Q", header)[0] + 4, limit)


def _exactly(stream: IO[bytes], size: int, limit: int) -> bytes:
    if size > limit + 8:
        raise ValueError(f"a record of {size:,} bytes is larger than MaxPayloadInMB, or the file is of another format")
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("the file ends within a record")
    return content
