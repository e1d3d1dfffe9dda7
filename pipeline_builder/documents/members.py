"""Members of JSON that may be anything: what isn't there, or is something else, reads as empty."""

from __future__ import annotations

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath


def member_at(value: JSON, path: tuple[str, ...]) -> JSON:
    """Return what is at the path; None where nothing is."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def at(value: JSON, path: DataPath) -> JSON:
    """Return what is at a path of names and positions; None where nothing is."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def subject(path: DataPath) -> str:
    """Return a path as a reader writes it: `Arguments.Tags[0].Key`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def items_of(value: JSON, key: str) -> list[JSON]:
    """Return the list at the key; none where it is no list."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def text_of(value: JSON, key: str) -> str:
    """Return the text at the key; empty where it is no text."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else ""


def names_of(items: JSON, key: str) -> list[str | None]:
    """Return the name of each entry of a list; None for one that is no plain text (a reference)."""
    return [text_of(item, key) or None for item in items] if isinstance(items, list) else []
