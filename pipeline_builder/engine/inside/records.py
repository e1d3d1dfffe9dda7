"""How the content of a file is cut into records, and records are put into requests."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gzip
    from collections.abc import Iterator, Mapping

    Spec = Mapping[str, Any]

MEGABYTE = 1024 * 1024


def requests(stream: IO[bytes] | gzip.GzipFile, spec: Spec) -> Iterator[tuple[bytes, int]]:
    """Yield each request's body and how many records are in it; a record keeps its end of line.

    MultiRecord puts as many records into a request as its limit allows. ValueError where one record alone is larger.
    """
    limit = spec["max_payload_mb"] * MEGABYTE or sys.maxsize
    part = limit + 1 if spec["max_payload_mb"] else -1  # of a record that is too large no more is read
    read = stream.readline if spec["split"] == "Line" else stream.read
    most = float("inf") if spec["strategy"] == "MultiRecord" else 1
    batch: list[bytes] = []
    size = 0
    while record := read(part):
        if len(record) > limit:
            raise ValueError(f"a record is larger than MaxPayloadInMB, {spec['max_payload_mb']} MB")
        if batch and (len(batch) >= most or size + len(record) > limit):
            yield b"".join(batch), len(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch), len(batch)
