"""XML as S3, STS and IAM speak it: elements out of plain values, and small documents read without surprises."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

# What XML can't hold at all, not even escaped: who asks for names that have it asks for them encoded.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Value = None | str | int | bool | Mapping[str, "Value"] | Sequence["Value"]


def render_xml(name: str, value: Value, namespace: str) -> bytes:
    """Return a document; a mapping's values are elements, a list stands for several of the same name, None for none."""
    root = ET.Element(name, {"xmlns": namespace})
    _fill(root, value)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


def _fill(element: ET.Element, value: Value) -> None:
    if not isinstance(value, Mapping):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        element.text = _FORBIDDEN.sub("\ufffd", text)
        return
    for key, item in value.items():
        several = isinstance(item, Sequence) and not isinstance(item, str)
        for one in item if several else [item]:  # type: ignore[union-attr] # a sequence it is
            if one is not None:
                _fill(ET.SubElement(element, key), one)


def read_xml(content: bytes) -> ET.Element:
    """Return the root of a document, its names without namespaces.

    Raises:
        ValueError: it is none, isn't UTF-8, or declares entities, by which a small document can become a huge one.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("the document is not UTF-8") from error
    if "<!" in text:
        raise ValueError("a document type has no place here")
    try:
        # Of a text the encoding that it declares is not asked: in another one the look above would have seen nothing.
        root = ET.fromstring(text)  # noqa: S314 - no document type, no entities
    except (ET.ParseError, ValueError) as error:
        raise ValueError(str(error)) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
