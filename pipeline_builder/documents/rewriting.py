"""Numbers and flags that stand where a text is wanted: taken as they are written, and not as YAML 1.1 reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import NO_TEXT, looking_for_texts
from pipeline_builder.documents.schema import within
from pipeline_builder.documents.source import DataPath, Document, value_at


def as_written(model: type[BaseModel], data: JSON, document: Document, path: DataPath) -> JSON:
    """Return the data of a section with what its texts are written as: `1.10`, `010`, `12:30` and `no` are others.

    `true` and `false` are one flag in any case; a number that anything else than a text is wanted of stays one.
    """
    found = {within(data, location) for location in _texts(model, data)}
    scalars = (at for location in found for at in _scalars(value_at(data, location), location))
    texts = {at: text for at in scalars if (text := document.written((*path, *at)))}
    return _with(data, texts, ()) if texts else data


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


def _with(data: JSON, texts: Mapping[DataPath, str], path: DataPath) -> JSON:
    if path in texts:
        return texts[path]
    if type(data) is dict:  # an expression says by itself what it means
        return {key: _with(item, texts, (*path, key)) for key, item in data.items()}
    return [_with(item, texts, (*path, at)) for at, item in enumerate(data)] if isinstance(data, list) else data
