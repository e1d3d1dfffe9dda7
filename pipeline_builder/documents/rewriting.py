"""Numbers and flags that stand where a text is wanted: taken as they are written, and not as YAML 1.1 reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import NO_TEXT, looking_for_texts
from pipeline_builder.documents.nodes import is_rewritten
from pipeline_builder.documents.source import DataPath, Document, value_at

# An anchor or a tag of its own may stand before it.
_WRITTEN = re.compile(r"(?:[&!]\S*\s+)*([^\s,\]}]+)")


def written_at(document: Document, path: DataPath) -> str:
    """Return the number or the flag at the path as it is written."""
    line, column = document.values.get(path, (1, 1))
    match = _WRITTEN.match(document.source.line(line), column - 1)
    return match[1] if match else ""


def as_written(model: type[BaseModel], data: JSON, document: Document, path: DataPath) -> JSON:
    """Return the data of a section with what its texts are written as: `1.10`, `010`, `12:30` and `no` are others.

    `true` and `false` are one flag in any case; a number that anything else than a text is wanted of stays one.
    """
    for location in {_within(data, location) for location in _texts(model, data)}:
        if not _may_be(value_at(data, location), document):  # nobody asks where things are, in most files
            continue
        for at in _scalars(value_at(data, location), location):
            if text := _rewritten(document, (*path, *at)):
                data = _with(data, at, text)
    return data


def _within(data: JSON, location: DataPath) -> DataPath:
    """Return what of the location is in the data: pydantic adds parts of its own."""
    for depth, part in enumerate(location):
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if not inside:
            return location[:depth]
        data = data[part]  # type: ignore[index] # just looked at
    return location


def _may_be(value: JSON, document: Document) -> bool:
    """Tell whether the value, or one in it, is one that the document has in another spelling somewhere."""
    return any((type(value_at(value, at)), value_at(value, at)) in document.rewritten for at in _scalars(value, ()))


def _scalars(value: JSON, path: DataPath) -> Iterator[DataPath]:
    """Yield the path of each number and flag in a value; of a mapping or a list of arguments all are texts."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _scalars(item, (*path, key))
    elif isinstance(value, bool | int | float):
        yield path


def _texts(model: type[BaseModel], data: JSON) -> Iterator[DataPath]:
    """Yield where a section would make a text of something else."""
    token = looking_for_texts.set(True)
    try:
        model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        yield from (detail["loc"] for detail in details if detail["type"] == NO_TEXT)
    finally:
        looking_for_texts.reset(token)


def _rewritten(document: Document, path: DataPath) -> str:
    """Return how the number or the flag at the path is written; empty where it would be the same as a text."""
    value = value_at(document.data, path)
    if not isinstance(value, bool | int | float):
        return ""
    text = written_at(document, path)
    return text if is_rewritten(value, text) else ""


def _with(data: JSON, path: DataPath, text: str) -> JSON:
    match path, data:
        case (), _:
            return text
        case (str(key), *rest), dict() if type(data) is dict:  # an expression says by itself what it means
            return {**data, key: _with(data[key], (*rest,), text)}
        case (int(index), *rest), list():
            return [*data[:index], _with(data[index], (*rest,), text), *data[index + 1 :]]
    return data
