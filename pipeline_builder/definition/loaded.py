"""A definition's content as JSON, read once for all checks of a command; nobody changes what it returns."""

from __future__ import annotations

import functools
import json
from typing import cast

from pipeline_builder.descriptions import JSON


@functools.lru_cache(maxsize=1)
def document_of(content: bytes) -> JSON:
    """Return the JSON of a definition's content."""
    return cast("JSON", json.loads(content))
