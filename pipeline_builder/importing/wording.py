"""Values of a definition as a conf has them: what would mean something else there is written so that it doesn't."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.descriptions import JSON

_PARAMETER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_CURLY = re.compile(r"\$?\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}")
_WORDS = re.compile(r"(?<![A-Za-z0-9_$])SMP_(?=[A-Z0-9_])|\$params\.(?=[A-Za-z0-9])")
_GET = "Parameters."


def worded(value: JSON) -> JSON:
    """Return a value for a conf: parameters as `$params.<name>`, placeholders that are none as plain text."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [worded(item) for item in value]
    if isinstance(value, dict):
        return parameter_of(value) or {key: worded(item) for key, item in value.items()}
    return value


def parameter_of(value: Mapping[str, Any]) -> str:
    """Return a reference to a parameter in its short form; empty of everything else."""
    path = value.get("Get") if len(value) == 1 else None
    if not isinstance(path, str) or not path.startswith(_GET):
        return ""
    name = path.removeprefix(_GET)
    return f"$params.{name}" if _PARAMETER.fullmatch(name) and not _WORDS.search(name) else ""


def _text(value: str) -> JSON:
    """`${NAME}` has a form that means itself. The others have none: such a text is put together from two halves."""
    plain = _CURLY.sub(lambda match: f"${match[0]}", value)
    found = _WORDS.search(plain)
    if not found:
        return plain
    parts: list[JSON] = []
    start = 0
    for match in _WORDS.finditer(plain):
        parts.append(plain[start : match.start() + 2])
        start = match.start() + 2
    return {"Std:Join": {"On": "", "Values": [*parts, plain[start:]]}}
