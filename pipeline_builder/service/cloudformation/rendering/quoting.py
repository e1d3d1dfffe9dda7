"""How a text gets into a template without becoming anything else than text."""

from __future__ import annotations

import json
import re

_as_json = json.JSONEncoder(ensure_ascii=False).encode


def quote(value: str) -> str:
    """Return the text as a double-quoted YAML string on one line: what is in it stays text, whatever it looks like.

    JSON's escapes are YAML's too. What JSON leaves as it is and YAML doesn't take gets an escape of YAML's own.
    """
    if not isinstance(value, str):
        raise TypeError(f"only texts are quoted, not {value!r}")
    quoted = _as_json(value)
    if quoted.isprintable():
        return quoted
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)


def text(value: str) -> str:
    """Return the text as a value of a template; what looks like a placeholder in it is taken apart.

    Outside of Fn::Sub CloudFormation takes `${Name}` as it is, but whoever reads the template, cfn-lint too, takes it
    for a mistake.
    """
    parts = re.split(r"(?<=\$)(?=\{[^!])", value)
    return quote(value) if len(parts) == 1 else f'!Join ["", [{", ".join(quote(part) for part in parts)}]]'


def literal(value: str) -> str:
    """Return the text so that Fn::Sub leaves it alone."""
    return value.replace("${", "${!")


def substituted(value: str) -> str:
    """Return a text that may have `${Name}` in it: as Fn::Sub where it has, as Ref where it is nothing else."""
    if match := re.fullmatch(r"\$\{([A-Za-z0-9:]+)\}", value):
        return f"!Ref {match[1]}"
    if re.search(r"\$\{(?!!)", value):
        return f"!Sub {quote(value)}"
    return quote(value.replace("${!", "${"))


def comment(value: str) -> str:
    """Return the text for a comment: one line, whatever is in it."""
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())
