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
    known = {at: text for at in document.values if at[: len(path)] == path and (text := _rewritten(document, at))}
    wanted: set[DataPath] = set()
    for location in _texts(model, data) if known else ():
        at = (*path, *location)
        while at != path and at not in document.values:  # pydantic adds parts of its own
            at = at[:-1]
        wanted.add(at)
    for at, text in known.items():
        if any(at[:length] in wanted for length in range(len(path) + 1, len(at) + 1)):
            data = _with(data, at[len(path) :], text)
    return data


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
