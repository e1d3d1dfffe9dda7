"""What the containers of an inference pipeline hand on: the answers to the requests of a file, in order."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

from pipeline_builder.engine.inside.answers import Answered

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_answer(file: IO[bytes], answered: Answered, count: int) -> None:
    """Append an answer: a line with its content type, the number of its records and its size, and its body."""
    header = {"content_type": answered.content_type, "count": count, "size": len(answered.body)}
    file.write(json.dumps(header).encode() + b"\n" + answered.body)


def read_answers(file: IO[bytes]) -> Iterator[tuple[Answered, int]]:
    """Yield the answers of a file, and of how many records each is.

    Raises:
        ValueError: another has written it.
    """
    while line := file.readline(1 << 16):
        header = json.loads(line)
        body = file.read(int(header["size"]))
        if len(body) != header["size"]:
            raise ValueError("what the container before has handed on ends within an answer")
        yield Answered(body, str(header["content_type"])), int(header["count"])
