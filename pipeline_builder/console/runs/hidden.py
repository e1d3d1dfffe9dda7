"""Requests as a page may show them: what looks like a secret isn't shown, whoever has written it there."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import find_loose, looks_like_secret
from pipeline_builder.documents.source import DataPath

HIDDEN = "(not shown: it looks like a secret)"
_ARGUMENTS = "ContainerArguments"


def hide_secrets(value: JSON) -> JSON:
    """Return a request in which everything that looks like a password, a token or a key is replaced by words."""
    return _without(value, {path for path, _ in find_loose(value)}, (), "")


def _without(value: JSON, secret: set[DataPath], path: DataPath, key: str) -> JSON:
    if path in secret:
        return HIDDEN
    match value:
        case Mapping():
            return {name: _without(item, secret, (*path, name), str(name)) for name, item in value.items()}
        case list():
            shown = [_without(item, secret, (*path, index), key) for index, item in enumerate(value)]
            return _arguments(shown) if key == _ARGUMENTS else shown
        case str():
            return HIDDEN if looks_like_secret(key, value) else _inside(value)
    return value


def _inside(text: str) -> JSON:
    """Hide what is in a text that is JSON itself, as hyperparameters are."""
    if text[:1] not in ("{", "[", '"'):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    hidden = hide_secrets(found)
    return text if hidden == found else json.dumps(hidden)


def _arguments(given: list[JSON]) -> list[JSON]:
    """Hide the value of `--password x` and `--password=x`."""
    shown: list[JSON] = []
    before = ""
    for value in given:
        text = value if isinstance(value, str) else ""
        name, cut, rest = text.partition("=") if text.startswith("-") else ("", "", "")
        if cut and looks_like_secret(_word(name), rest):
            shown.append(f"{name}={HIDDEN}")
        elif text and before and looks_like_secret(before, text):
            shown.append(HIDDEN)
        else:
            shown.append(value)
        before = _word(text) if text.startswith("-") and not cut else ""
    return shown


def _word(option: str) -> str:
    return option.lstrip("-").replace("-", "_")
