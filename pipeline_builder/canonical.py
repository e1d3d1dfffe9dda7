"""Canonical JSON: the same value always gives the same bytes; and which texts can be written at all."""

from __future__ import annotations

import json

from pipeline_builder.descriptions import JSON


def canonical(value: JSON) -> bytes:
    """Return the one way in which a JSON value is written: sorted keys, fixed separators, a final newline, UTF-8."""
    return _WRITER.encode(value).encode() + b"\n"


def is_unicode(text: str) -> bool:
    """Tell whether a text has whole characters: JSON's escapes, and arguments that are no UTF-8, may be half of one."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
