"""The patterns of the service model, which are written in Java's dialect."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any


def matches(pattern: str, text: str) -> bool:
    """Tell whether all of the text matches a pattern of the service model."""
    return _compile(pattern, ascii_only=text.isascii()).fullmatch(text) is not None


# What is left of Unicode's classes in ASCII; each stands within brackets in the model.
_ASCII_CLASSES: Mapping[str, str] = {
    r"\p{Alnum}": "A-Za-z0-9",  # ASCII in Java in any case
    r"\p{L}": "A-Za-z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
    r"\p{S}": r"$+<=>\^`|~",
    r"\p{Z}": " ",
}


@functools.cache
def _compile(pattern: str, *, ascii_only: bool) -> Any:
    r"""Compile a pattern that is written in Java's dialect.

    `\w` and `\d` are ASCII there, two surrogates one character, and an anchor may be repeated to no effect. `\p{L}`
    asks for the package `regex`, whose import takes longer than all checks: it is left for texts that need it.
    """
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    pattern = re.sub(r"\$\{1,\d+\}$", "$", pattern)
    for name, plain in _ASCII_CLASSES.items():
        if ascii_only or name == r"\p{Alnum}":
            pattern = pattern.replace(name, plain)
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    import regex

    return regex.compile(pattern)
