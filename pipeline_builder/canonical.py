"""Canonical JSON: the same value always gives the same bytes."""

from __future__ import annotations

import json

from pipeline_builder.descriptions import JSON


def canonical(value: JSON) -> bytes:
    """Return the one way in which a JSON value is written: sorted keys, fixed separators, a final newline, UTF-8."""
    return _WRITER.encode(value).encode() + b"\n"


_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
