"""Expressions: values of a conf that are known only when the pipeline runs, `$params.<name>`, `Get` and `Std:…`."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Union, get_args

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_PARAMETER = re.compile(r"\$params\.([A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)")
_ROOTS = ("Parameters.", "Steps.", "Execution.")
_FUNCTIONS = ("Std:Join", "Std:JsonGet")


class Expression(dict[str, JSON]):
    """A reference or function as the definition has it (`{"Get": …}`, `{"Std:Join": …}`), and where it stands."""

    __slots__ = ("path",)

    def __init__(self, value: dict[str, JSON], path: DataPath = ()) -> None:
        super().__init__(value)
        self.path = path


def get(path: str) -> dict[str, JSON]:
    """Return a reference to a parameter, an execution variable or a step's property."""
    return {"Get": path}


def join(separator: str, *values: JSON) -> dict[str, JSON]:
    """Return a text that is put together when the pipeline runs."""
    return {"Std:Join": {"On": separator, "Values": list(values)}}


def join_path(*parts: JSON) -> JSON:
    """Return the parts with `/` between them: a text where all are texts, else a join. Empty parts are left out."""
    texts: list[JSON] = []
    for part in parts:
        if not isinstance(part, str):
            texts.append(part)
        elif part.strip("/"):
            plain = part.strip("/") if texts else part.rstrip("/")
            last = texts[-1] if texts else None
            texts[-1:] = [f"{last}/{plain}"] if isinstance(last, str) else [*texts[-1:], plain]
    return texts[0] if len(texts) == 1 else join("/", *texts)


def s3_uri(bucket: JSON, *parts: JSON) -> JSON:
    """Return the address below a bucket, which may be written with its scheme."""
    if isinstance(bucket, str):
        bucket = bucket.removeprefix("s3://")
    return join_path(f"s3://{bucket.strip('/')}" if isinstance(bucket, str) else join("", "s3://", bucket), *parts)


def read_expressions(value: JSON, path: DataPath = ()) -> JSON:
    """Return the value with every expression below it as an `Expression`; what has none is the value itself."""
    if isinstance(value, str):
        return _parameters(value, path) if "$params." in value else value
    if isinstance(value, list):
        items = [read_expressions(item, (*path, index)) for index, item in enumerate(value)]
        return value if all(map(operator.is_, items, value)) else items
    if isinstance(value, dict):
        # No call for most texts of a thousand files, and no copy of what stays as it is.
        read = {key: read_expressions(item, (*path, key)) for key, item in value.items() if _may_have(item)}
        inner = {**value, **read} if any(read[key] is not value[key] for key in read) else value
        return Expression(inner, path) if is_expression(inner) else inner
    return value


def _may_have(value: JSON) -> bool:
    """Tell whether there may be an expression in it."""
    return "$params." in value if isinstance(value, str) else isinstance(value, (dict, list))


def is_expression(value: JSON) -> bool:
    """Tell whether a mapping is a reference or a function of the definition's language."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (key,) = value
    if key == "Get":
        inner = value[key]
        return isinstance(inner, str) and inner.startswith(_ROOTS)
    return key in _FUNCTIONS


def texts_of(text: str) -> list[JSON]:
    """Return a text's pieces: those between its `$params.<name>`, and a reference for each of these."""
    parts: list[JSON] = []
    end = 0
    for match in _PARAMETER.finditer(text):
        parts += [text[end : match.start()], get(f"Parameters.{match[1]}")]
        end = match.end()
    return [part for part in (*parts, text[end:]) if part != ""]


def _parameters(text: str, path: DataPath) -> JSON:
    parts = texts_of(text)
    if parts == [text]:
        return text
    only = parts[0]
    return Expression(only if len(parts) == 1 and isinstance(only, dict) else join("", *parts), path)


def references(value: object) -> Iterator[tuple[str, DataPath]]:
    """Yield the path of every `Get` below a value, and where the expression around it stands in its file."""
    yield from _references(value, ())


def _references(value: object, place: DataPath) -> Iterator[tuple[str, DataPath]]:
    if isinstance(value, Expression):
        place = value.path
    if isinstance(value, dict):
        if isinstance(value.get("Get"), str) and len(value) == 1:
            yield value["Get"], place
        for item in value.values():
            yield from _references(item, place)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item, place)


class _Referable:
    """Lets a field of a section be an `Expression` besides what its own type says."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        own = tuple(arg for arg in get_args(source) if arg is not Expression)
        inner = handler.generate_schema(Union[own])  # noqa: UP007 - of a tuple

        def pass_expression(value: Any, validate: Any) -> Any:
            return value if isinstance(value, Expression) else validate(value)

        return core_schema.no_info_wrap_validator_function(pass_expression, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), *EXPRESSION_SCHEMA]}


EXPRESSION_SCHEMA: tuple[dict[str, Any], ...] = (
    {"type": "string", "pattern": r"\$params\.|SMP_|\$\{"},
    {
        "type": "object",
        "description": "a reference or function of the pipeline definition",
        "patternProperties": {"^(Get|Std:Join|Std:JsonGet)$": {}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
)
REFERABLE = _Referable()
