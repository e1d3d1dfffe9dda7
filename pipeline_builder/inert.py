"""Text from outside made inert: nothing in it steers a terminal, hides, turns the reading direction, or fakes a line.

Whatever is shown of a name, a message, a log or an address goes through here: on terminals, in reports, JUnit files,
approvals and summaries. What is there stays visible, as the escape that it is.
"""

from __future__ import annotations

import json
import re
from typing import Any

MOST_LINE = 4096
"""Characters of one line that are shown; names have no reason to be longer."""

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written: bytes that aren't UTF-8, and some escapes of JSON, are half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def log_text(text: str) -> str:
    """Return a log as a terminal would have left it: without what that obeys, and of a line that was drawn over again,
    such as a progress bar, the last.
    """
    text = _SEQUENCE.sub("", text)
    shown = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")) if "\r" in text else None
    return _CONTROL.sub("", text if shown is None else "\n".join(shown))


def inert_line(text: str, most: int = MOST_LINE) -> str:
    """Return the text in one line of at most `most` characters: line ends are escapes too."""
    return _cut(text if text.isprintable() else "".join(map(_escaped, text[: most + 1])), most)


def inert_text(text: str) -> str:
    """Return the text in the lines that it has, for what has lines by its nature: logs, documents, our own tables."""
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" else _escaped(char) for char in text)


def inert_json(value: Any, *, indent: int | None = 2, plain: bool = False) -> str:
    """Return the value as JSON that says the same and is inert on a terminal; `plain` is all ASCII."""
    text = json.dumps(value, indent=indent, ensure_ascii=plain, default=str)
    if text.replace("\n", "").isprintable():
        return text
    # What can't be printed stands inside of texts only, where JSON has an escape for it.
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _escaped(char: str) -> str:
    return char if char.isprintable() else ascii(char)[1:-1]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
