"""What looks like a secret: everything in a definition can be read by whoever may describe the pipeline."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

# Tokens that are recognised by their form alone.
_FORMS = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access keys
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}"  # git hosts
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bhf_[A-Za-z0-9]{30,}|\b[sr]k_live_[A-Za-z0-9]{20,}|\bAIza[A-Za-z0-9_-]{35}"
    r"|\bsk-[A-Za-z0-9_-]{32,}|\bdapi[a-f0-9]{32}\b|\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{50,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."  # JSON web tokens
    r"|://[^/\s:@]+:[^/\s@]+@"  # a login in an address
)
# Keys whose value is one. Only the end of the name counts: MAX_TOKENS, TOKENIZER and SECRET_NAME are none.
_NAMES = re.compile(
    r"(?:^|[_.-])(?:password|passwd|pwd|passphrase|secret|token|api[_.-]?key|access[_.-]?key|secret[_.-]?key|private[_.-]?key|credentials?)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SHORTEST = 6
_READABLE = ("Environment", "HyperParameters")
_ARGUMENTS = "ContainerArguments"
# What such a key may hold: the name of a secret, a special token of a tokenizer, a number, a path, a switch.
_HARMLESS = re.compile(r"arn:|secretsmanager:|s3://|/|[<\[{$]|[\d.eE+-]+$|(?i:true|false|none|null|auto)$")


@functools.lru_cache(maxsize=10_000)  # a thousand models have most variables with most values in common
def looks_like_secret(key: str, value: str) -> bool:
    """Tell whether the value of a variable or hyperparameter looks like a password, a token or a key."""
    plain = value.strip().strip("\"'")
    if _FORMS.search(plain):
        return True
    named = _NAMES.search(_CAMEL.sub("_", key))
    return bool(named) and len(plain) >= _SHORTEST and not _HARMLESS.match(plain)


def find_secrets(request: JSON) -> list[tuple[str, str]]:
    """Return member (Environment, HyperParameters, ContainerArguments) and key of all that looks like a secret."""
    found: list[tuple[str, str]] = []
    _collect(request, found)
    return found


def find_loose(value: JSON, path: DataPath = (), key: str = "") -> Iterator[tuple[DataPath, str]]:
    """Yield path and key of all that looks like a secret where every member may hold one, by its own name."""
    if isinstance(value, str):
        words = re.findall(r"([\w.-]+)=([^\s,;]+)", value)
        if any(looks_like_secret(name, text) for name, text in ((key, value), *words)):
            yield path, key
    elif isinstance(value, list):
        for index, (name, item) in enumerate(_named(value)):
            yield from find_loose(item if isinstance(item, str) else value[index], (*path, index), name or key)
    elif isinstance(value, dict):
        pair = value.get("Key", value.get("Name"))
        for name, item in value.items():
            yield from find_loose(item, (*path, name), pair if name == "Value" and isinstance(pair, str) else name)


def _collect(request: JSON, found: list[tuple[str, str]]) -> None:
    # No generator, and no call for a text: this looks at every part of a thousand models' requests.
    if isinstance(request, list):
        for item in request:
            if isinstance(item, (dict, list)):
                _collect(item, found)
    for member, values in request.items() if isinstance(request, dict) else ():
        if not isinstance(values, (dict, list)):
            continue
        if member in _READABLE and isinstance(values, dict):
            found += [(member, key) for key, value in values.items() if _is_secret(key, value)]
        elif member == _ARGUMENTS and isinstance(values, list):
            found += [(member, name) for name, value in _named(values) if _is_secret(name.replace("-", "_"), value)]
        else:
            _collect(values, found)


def _named(arguments: list[JSON]) -> Iterator[tuple[str, JSON]]:
    """Yield each argument with its name: its own (`--name=value`), or the one before it (`--name value`)."""
    before = ""
    for value in arguments:
        name, cut, rest = value.partition("=") if isinstance(value, str) and value.startswith("-") else ("", "", "")
        yield (name.lstrip("-"), rest) if cut else (before, value)
        before = name.lstrip("-") if not cut else ""


def _is_secret(key: str, value: JSON) -> bool:
    return any(looks_like_secret(name, text) for name, text in _texts(key, value))


def _texts(key: str, value: JSON) -> Iterator[tuple[str, str]]:
    """Yield every text of a value with the key that it stands under; a hyperparameter's is JSON.

    Of a text that is put together at run time only the form tells: a part of it is no value of the key.
    """
    if isinstance(value, str):
        yield key, value
        if value.startswith(("{", "[")):
            try:
                yield from _texts(key, json.loads(value))
            except ValueError:
                return
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts("" if key == "Std:Join" else name, item)
