"""How the content of a file is cut into records, and records are put into requests."""

from __future__ import annotations

import re
import struct
import sys
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pipeline_builder.engine.inside import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Spec = Mapping[str, Any]

MEGABYTE = 1024 * 1024
_RECORDIO = 0xCED7230A
_EMPTY = re.compile(rb"^[ \t\r\f\v]*\n", re.MULTILINE)
_BEGINNINGS = (b"\n\n", b"\n ", b"\n\t", b"\n\r", b"\n\f", b"\n\v")
_WHOLE, _LAST = 0, 3  # of a record's parts: the flag says whether it is the first, in the middle, the last, or all


class Request(NamedTuple):
    """A request's body, how many records are in it, and these as they are in the file, where they are joined."""

    body: bytes
    number: int
    given: bytes


class RecordError(rows.RowError):
    """A record that can't be sent; `number` is its own in the file, from 1."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def requests(stream: IO[bytes], spec: Spec) -> Iterator[Request]:
    """Yield the requests of a file; a record of a line keeps its end.

    MultiRecord puts as many records into a request as its limit allows.

    Raises:
        RecordError: one record alone is larger, or a filter doesn't fit it.
        ValueError: the file is of another format.
    """
    limit = spec["max_payload_mb"] * MEGABYTE or sys.maxsize
    is_many = spec["strategy"] == "MultiRecord"
    if is_many and spec["split"] == "Line":
        if not spec["input_filter"]:
            return blocks(stream, limit, is_joined=bool(spec["join"]))
        return _filtered(stream, limit, rows.filter_of(rows.kind_of(spec["content_type"]), spec["input_filter"]))
    singles = _singles(stream, spec, limit)
    return _batches(singles, limit) if is_many else singles


def blocks(stream: IO[bytes], limit: int, *, is_joined: bool) -> Iterator[Request]:
    """Yield requests of lines that are sent as they are; of millions of lines none is looked at by itself."""
    before, held, more = 0, b"", True
    while more or held:
        if more:
            size = len(held)
            held += stream.read(limit + 1 - size)
            more = len(held) > size
            held = _without_empty(held, ended=not more) if is_joined else held
            if more and len(held) <= limit:
                continue
        size = len(held) if len(held) <= limit else held.rfind(b"\n", 0, limit) + 1
        if held and not size:
            raise _too_large(before + 1, limit)
        body, held = held[:size], held[size:]
        if body:
            count = body.count(b"\n") + (body[-1:] != b"\n")
            before += count
            yield Request(body, count, body if is_joined else b"")


def _without_empty(lines: bytes, *, ended: bool) -> bytes:
    """Leave out empty lines, which are no rows; the last one may go on unless the file has ended."""
    if not lines[:1].isspace() and not any(pair in lines for pair in _BEGINNINGS):
        return lines  # which is fast to find out
    last = lines.rfind(b"\n") + 1
    return _EMPTY.sub(b"", lines[:last]) + (lines[last:] if not ended or lines[last:].strip() else b"")


def _filtered(stream: IO[bytes], limit: int, change: Callable[[bytes], bytes]) -> Iterator[Request]:
    """Yield requests of what a filter leaves of lines, of which the empty ones are no rows."""
    before, size = 0, 0
    lines: list[bytes] = []
    sent: list[bytes] = []
    try:
        for line in stream:
            if line.isspace():
                continue
            body = change(line.rstrip(b"\r\n"))
            length = len(body) + line.endswith(b"\n")
            if size + length > limit:
                if length > limit:
                    raise _too_large(before + len(sent) + 1, limit)
                yield _of_lines(sent, lines)
                before, size, lines, sent = before + len(sent), 0, [], []
            sent.append(body)
            lines.append(line)
            size += length
    except RecordError:
        raise
    except ValueError as error:
        raise RecordError(before + len(sent) + 1, f"InputFilter: {error}") from error
    if sent:
        yield _of_lines(sent, lines)


def _of_lines(sent: list[bytes], lines: list[bytes]) -> Request:
    return Request(b"\n".join(sent) + (b"\n" if lines[-1].endswith(b"\n") else b""), len(sent), b"".join(lines))


def _batches(singles: Iterator[Request], limit: int) -> Iterator[Request]:
    """Yield requests of as many records as fit in one."""
    found: list[Request] = []
    size = 0
    for one in singles:
        if found and size + len(one.body) > limit:
            yield _together(found)
            found, size = [], 0
        found.append(one)
        size += len(one.body)
    if found:
        yield _together(found)


def _together(found: list[Request]) -> Request:
    return Request(b"".join([one.body for one in found]), len(found), b"".join([one.given for one in found]))


def _singles(stream: IO[bytes], spec: Spec, limit: int) -> Iterator[Request]:
    """Yield each record of a file as a request of its own."""
    number, body_of = 0, _bodies(spec)
    try:
        for record in cut(stream, spec, limit):
            body = body_of(record) if body_of else record
            if len(body) > limit:
                raise _too_large(number + 1, limit)
            yield Request(body, 1, record)
            number += 1
    except RecordError:
        raise
    except ValueError as error:
        raise RecordError(number + 1, str(error)) from error


def _too_large(number: int, limit: int) -> RecordError:
    return RecordError(number, f"a record is larger than MaxPayloadInMB, {limit // MEGABYTE} MB")


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
    change = _said_of_filter(rows.filter_of(kind, path))
    if kind == rows.JSON_TYPE and spec["split"] == "None":
        return change
    return rows.on_line(change) if spec["split"] == "Line" else lambda record: rows.on_lines(change, record)


def _said_of_filter(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(row: bytes) -> bytes:
        try:
            return change(row)
        except ValueError as error:
            raise rows.RowError(f"InputFilter: {error}") from error

    return changed


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
