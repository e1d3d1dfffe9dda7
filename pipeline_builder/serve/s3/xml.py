"""XML as S3, STS and IAM speak it: elements out of plain values, and small documents read without surprises."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

Value = None | str | int | bool | Mapping[str, "Value"] | Sequence["Value"]


def render_xml(name: str, value: Value, namespace: str) -> bytes:
    """Return a document; a mapping's values are elements, a list stands for several of the same name, None for none."""
    root = ET.Element(name, {"xmlns": namespace})
    _fill(root, value)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


def _fill(element: ET.Element, value: Value) -> None:
    if not isinstance(value, Mapping):
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
        return
    for key, item in value.items():
        several = isinstance(item, Sequence) and not isinstance(item, str)
        for one in item if several else [item]:  # type: ignore[union-attr] # a sequence it is
            if one is not None:
                _fill(ET.SubElement(element, key), one)


def read_xml(content: bytes) -> ET.Element:
    """Return the root of a document, its names without namespaces.

    Raises:
        ValueError: it is none, or declares entities, by which a small document can become a huge one.
    """
    if b"<!" in content:
        raise ValueError("a document type has no place here")
    try:
        root = ET.fromstring(content)  # noqa: S314 - no document type, no entities
    except ET.ParseError as error:
        raise ValueError(str(error)) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
