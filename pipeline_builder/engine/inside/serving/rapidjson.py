"""JSON as TensorFlow Serving writes it: four blanks, rows of numbers on one line, numbers as short as can be.

Sources: RapidJSON's PrettyWriter (prettywriter.h), TensorFlow Serving's util/json_tensor.cc.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

_INDENT = "    "
_DIGITS = {"float32": 9, "float64": 17}


class Writer:
    """A document that grows; with `one_line` the values of an array stand beside each other."""

    def __init__(self) -> None:
        self.one_line = False
        self._parts: list[str] = []
        self._levels: list[list[Any]] = []  # "{" or "[", and how many values or keys are in it

    def text(self) -> str:
        """Return what was written."""
        return "".join(self._parts)

    def open(self, bracket: str) -> None:
        """Begin an object or an array."""
        self._prefix()
        self._parts.append(bracket)
        self._levels.append([bracket, 0])

    def close(self, bracket: str) -> None:
        """End an object or an array."""
        _, count = self._levels.pop()
        if count and not (bracket == "]" and self.one_line):
            self._break()
        self._parts.append(bracket)

    def key(self, name: str) -> None:
        """Write a key of the object."""
        self._raw(json.dumps(name, ensure_ascii=False))

    def value(self, value: Any, kind: str) -> None:
        """Write a tensor's values, of the type `kind`; "bytes" is text as base64."""
        if isinstance(value, list):
            self.open("[")
            for item in value:
                self.value(item, kind)
            self.close("]")
        elif isinstance(value, bytes) and kind == "bytes":
            self.open("{")
            self.key("b64")
            self._raw(json.dumps(base64.b64encode(value).decode()))
            self.close("}")
        else:
            self._raw(_scalar(value, kind))

    def _raw(self, text: str) -> None:
        self._prefix()
        self._parts.append(text)

    def _prefix(self) -> None:
        """Write what comes before the next value: a comma, a colon, a new line."""
        if not self._levels:
            return
        level = self._levels[-1]
        count = level[1]
        level[1] += 1
        if level[0] == "{" and count % 2:
            self._parts.append(": ")
            return
        if count:
            self._parts.append(",")
        if level[0] == "[" and self.one_line:
            self._parts.append(" " if count else "")
        else:
            self._break()

    def _break(self) -> None:
        self._parts.append("\n" + _INDENT * len(self._levels))


def _scalar(value: Any, kind: str) -> str:
    if isinstance(value, bytes):
        return json.dumps(value.decode("utf-8", "replace"), ensure_ascii=False)
    if isinstance(value, float):
        return _decimal(value, kind)
    return json.dumps(value, ensure_ascii=False)


def _decimal(value: float, kind: str) -> str:
    """Return six digits where they say it all, else as many as the type can need; whole numbers end in `.0`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:g}"
    if _stored(float(text), kind) != value:
        text = f"{value:.{_DIGITS.get(kind, 17)}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _stored(value: float, kind: str) -> float:
    """Return the number as its type keeps it."""
    return float(struct.unpack("f", struct.pack("f", value))[0]) if kind == "float32" else value
