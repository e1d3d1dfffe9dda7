"""A definition's content: written of its steps, and read as JSON once for all checks of a command."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import cast

from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import JSON


@functools.lru_cache(maxsize=1)
def document_of(content: bytes) -> JSON:
    """Return the JSON of a definition's content, which nobody changes."""
    return cast("JSON", json.loads(content))


_BEFORE, _STEPS, _AFTER = b'{"Metadata":{},"Parameters":', b',"Steps":[', b'],"Version":"2020-12-01"}\n'


def content_of(parameters: list[JSON], steps: Iterable[bytes]) -> bytes:
    """Return a definition as canonical JSON; each step is that already, without the line's end."""
    return b"".join((_BEFORE, canonical(parameters)[:-1], _STEPS, b",".join(steps), _AFTER))


def steps_in(content: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Return the steps that a definition was made of, by their sizes."""
    begin = len(content) - len(_AFTER) - sum(sizes) - max(0, len(sizes) - 1)
    begins = accumulate((size + 1 for size in sizes), initial=begin)
    return [content[at : at + size] for at, size in zip(begins, sizes, strict=False)]
