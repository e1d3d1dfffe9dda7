"""The bytes that a pipe gives: objects as they are, unpacked, or wrapped as RecordIO; lines of augmented manifests."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from pipeline_builder.engine.jobs.arrivals import Arrival
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import AUGMENTED, in_order
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import BLOCK, read_small

_MAGIC, _MOST_WRAPPED = 0xCED7230A, (1 << 29) - 1
"""RecordIO's mark, and what its length of 29 bits can be [MXNet's documentation of the format]."""
_REFERENCE = "-ref"
_LONGEST_MANIFEST = 64 << 20
Piece = Path | bytes
"""An object's file, or the text of an attribute."""
Record = tuple[Piece, ...]


def open_content(arrival: Arrival, store: LocalStore, left_out: list[str]) -> Callable[[int], Iterator[bytes]]:
    """Return what gives the content of each epoch; what can be wrong with the input is found now.

    Raises:
        InputProblems: PB520 where nothing is there, PB527, PB563 for what is no augmented manifest.
    """
    records = (
        list(_lines(arrival, store))
        if arrival.kind == AUGMENTED
        else [(path,) for path in in_order(store, arrival.address, arrival.kind, left_out)]
    )

    def content(epoch: int) -> Iterator[bytes]:
        order = list(records)
        if arrival.seed is not None:
            random.Random(f"{arrival.seed}/{epoch}").shuffle(order)  # noqa: S311 - an order, no secret
        for record in order:
            for piece in record:
                yield from _blocks(piece, arrival)

    return content


def _blocks(piece: Piece, arrival: Arrival) -> Iterator[bytes]:
    """Yield a piece's bytes, with RecordIO's head and padding around them where they are to be wrapped."""
    try:
        with _opened(piece, unpack=arrival.gzip) as stream:
            if not arrival.recordio:
                yield from _read(stream)
                return
            with _whole(stream) as whole:
                size = whole.seek(0, os.SEEK_END)
                if size > _MOST_WRAPPED:
                    raise _refused(piece, arrival, "it has more than the 512 MB that a RecordIO record can have")
                whole.seek(0)
                yield struct.pack("<II", _MAGIC, size)
                yield from _read(whole)
                yield bytes(-size % 4)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _refused(piece, arrival, f"it can't be unpacked: {error}") from error


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _opened(piece: Piece, *, unpack: bool) -> IO[bytes]:
    if isinstance(piece, bytes):
        return io.BytesIO(piece)
    return cast("IO[bytes]", gzip.open(piece)) if unpack else piece.open("rb")


@contextmanager
def _whole(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give a stream whose size can be told: a packed one's is known when it is unpacked."""
    if not isinstance(stream, gzip.GzipFile):
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        for block in _read(stream):
            if unpacked.tell() <= _MOST_WRAPPED:
                unpacked.write(block)
        yield unpacked


def _refused(piece: Piece, arrival: Arrival, why: str) -> InputProblems:
    what = f"'{piece.name}'" if isinstance(piece, Path) else "an attribute"
    return InputProblems(Problem(id="PB563", message=f"{what} of the input '{arrival.name}' can't be given: {why}"))


def _lines(arrival: Arrival, store: LocalStore) -> Iterator[Record]:
    """Yield the attributes of each line of an augmented manifest; `-ref` names an object, whose content is meant."""
    manifest = store.find(arrival.address)
    if manifest is None:
        message = f"there is no augmented manifest at '{arrival.address}'"
        raise InputProblems(Problem(id="PB520", message=message))
    with manifest.open("rb") as file:
        lines = read_small(file, arrival.address, _LONGEST_MANIFEST).splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            found = _object_of(arrival, number, line)
            yield tuple(_attribute(arrival, store, number, found, name) for name in arrival.attributes)


def _object_of(arrival: Arrival, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad_line(arrival, number, f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _bad_line(arrival, number, "it is no JSON object")
    return found


def _attribute(arrival: Arrival, store: LocalStore, number: int, line: dict[str, Any], name: str) -> Piece:
    if name not in line:
        raise _bad_line(arrival, number, f"it has no attribute '{name[:100]}'")
    value = line[name]
    if not name.endswith(_REFERENCE):
        return value.encode() if isinstance(value, str) else json.dumps(value).encode()
    path = store.find(value) if isinstance(value, str) and value.startswith("s3://") else None
    if path is None:
        raise _bad_line(arrival, number, f"there is no object at {str(value)[:200]!a}, which '{name[:100]}' names")
    return path


def _bad_line(arrival: Arrival, number: int, why: str) -> InputProblems:
    message = f"line {number} of the augmented manifest '{arrival.address}' can't be used: {why}"
    hint = 'each line is a JSON object with every one of AttributeNames: {"source-ref": "s3://bucket/key", "label": 1}'
    return InputProblems(Problem(id="PB563", message=message, hint=hint))
