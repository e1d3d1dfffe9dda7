"""The bridge from pydantic models to problems with a place, shared by manifest and conf."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core.core_schema import no_info_plain_validator_function

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import Problem

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema, ErrorDetails

Model = TypeVar("Model", bound=BaseModel)
_whole: ContextVar[bool] = ContextVar("_whole", default=False)
"""Whether sections are described, with all that can be inside; to read one, only what is written counts."""


class Section(BaseModel):
    """A mapping of a file that people write: frozen, and a key that it doesn't know is a problem.

    `later` has the documented keys that this version doesn't support yet, each with what to do meanwhile.
    """

    # Validators are built when first used. So a default that is a section is made with `model_construct`.
    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), defer_build=True, allow_inf_nan=False
    )
    later: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read what is inside of another section by a validator of its own: it is built when the first is written."""
        if _whole.get() or handler.field_name is None:
            return handler(source)
        return no_info_plain_validator_function(cls._read_inside)

    @classmethod
    def _read_inside(cls, value: Any) -> Any:
        return value if isinstance(value, cls) else cls.model_validate(value)

    @classmethod
    def model_json_schema(cls, **how: Any) -> dict[str, Any]:  # type: ignore[override] # nobody gives these by place
        """Describe the section with all that can be inside of it."""
        from pydantic import TypeAdapter

        _forget_schemas(Section)
        token = _whole.set(True)
        try:
            return TypeAdapter(cls).json_schema(**how)
        finally:
            _whole.reset(token)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Give every spelling of a key its place; pydantic's own schema has the first one only."""
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(core_schema))
        properties = schema.get("properties", {})
        for name, info in cls.model_fields.items():
            first, *others = spellings(name, info)
            properties |= {other: properties[first] for other in others if first in properties}
        return schema


def _forget_schemas(section: type[Section]) -> None:
    """Have the sections below that one described anew; what they were built as to be read has nothing of the inside."""
    for inner in section.__subclasses__():
        if inner.__pydantic_complete__ and "__pydantic_core_schema__" in inner.__dict__:
            del inner.__pydantic_core_schema__
        _forget_schemas(inner)


def read_section(
    model: type[Model], data: JSON, document: Document, path: DataPath, ids: Mapping[str, str]
) -> tuple[Model | None, tuple[Problem, ...]]:
    """Return the validated section at `path` of the document, or None and every problem in it.

    `ids` gives the problem id by kind: "unknown" for a key that isn't known, "missing" for one that must be there,
    "later" for one that is documented and not supported yet, and "value" for the rest.
    """
    if document.rewritten:
        from pipeline_builder.documents.rewriting import as_written

        data = as_written(model, data, document, path)
    try:
        return model.model_validate(data), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        return None, tuple(_problem(model, detail, document, path, ids) for detail in details)


# Taking out what is wrong can leave something out that is needed, which is taken out next; sections nest less deep.
_ROUNDS = 8
_GONE = object()


def read_rest(model: type[Model], data: JSON) -> Model | None:
    """Return the section without the smallest parts that are wrong in it; None where nothing can be left."""
    rest: Any = data
    for _ in range(_ROUNDS):
        found, wrong = _read_or_mark(model, rest)
        if found is not None:
            return found
        rest = _without(rest, wrong)
    return None


def _read_or_mark(model: type[Model], data: JSON) -> tuple[Model | None, dict[Any, Any]]:
    try:
        return model.model_validate(data), {}
    except ValidationError as error:
        wrong: dict[Any, Any] = {}
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            _mark(wrong, data, detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"])
        return None, wrong


def within(data: JSON, location: DataPath) -> DataPath:
    """Return what of the location is in the data: pydantic adds parts of its own to some."""
    for depth, part in enumerate(location):
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if not inside:
            return location[:depth]
        data = data[part]  # type: ignore[index] # just looked at
    return location


def _mark(wrong: dict[Any, Any], data: JSON, location: tuple[str | int, ...]) -> None:
    """Note the innermost part of the data that is at the location."""
    path = within(data, location)
    for part in path[:-1]:
        found = wrong.setdefault(part, {})
        if found is _GONE:
            return
        wrong = found
    if path:
        wrong[path[-1]] = _GONE


def _without(data: Any, wrong: Any) -> Any:
    if not wrong:
        return data
    items = data.items() if isinstance(data, dict) else enumerate(data)
    kept = {key: _without(item, wrong.get(key)) for key, item in items if wrong.get(key) is not _GONE}
    return kept if isinstance(data, dict) else list(kept.values())


def _problem(
    model: type[BaseModel], detail: ErrorDetails, document: Document, path: DataPath, ids: Mapping[str, str]
) -> Problem:
    location = tuple(detail["loc"])
    if (*path, *location) not in document.values:  # an empty name is one that a section put in, around what is written
        location = tuple(part for part in location if part != "")
    match detail["type"]:
        case "extra_forbidden":
            key = str(location[-1])
            section = section_at(model, location[:-1])
            place = document.place((*path, *location), key=True)
            if section and key in section.later:
                message = f"the key '{key}' is not supported yet"
                return Problem(id=ids["later"], message=message, place=place, hint=section.later[key])
            if other := _other_spelling(section, key, document, (*path, *location[:-1])):
                message = f"'{other}' and '{key}' are the same key, expected one of them"
                related = (document.place((*path, *location[:-1], other), key=True),)
                return Problem(id=ids["value"], message=message, place=place, related=related)
            message = f"the key '{key}' is not known here"
            return Problem(id=ids["unknown"], message=message, place=place, hint=did_you_mean(key, known_keys(section)))
        case "missing":
            owner = document.place((*path, *location[:-1]), key=True)
            return Problem(id=ids["missing"], message=f"the key '{location[-1]}' is missing", place=owner)
        case "absent":
            owner = document.place((*path, *location), key=True)
            return Problem(id=ids["missing"], message=detail["msg"], place=owner)
        case _:
            name = next((part for part in reversed((*path, *location)) if isinstance(part, str)), "")
            place = document.place((*path, *location))
            return Problem(id=ids["value"], message=_value_message(name, detail), place=place, hint=_nearest(detail))


def _choices(detail: ErrorDetails) -> list[str]:
    """Return the values that were expected, texts in quotes and numbers as they are."""
    return re.findall(r"'[^']*'|(?!or\b)\b[^\s,']+", detail["ctx"]["expected"])


def _nearest(detail: ErrorDetails) -> str | None:
    """Return which of many choices was meant, few are all in the message; or how a number is written."""
    found, choices = detail.get("input"), _choices(detail) if detail["type"] == "literal_error" else []
    if _EXPECTED.get(detail["type"]) in ("a number", "a whole number") and isinstance(found, str):
        return number_hint(found)
    if len(choices) <= _MOST_CHOICES or not isinstance(found, str):
        return None
    if found in choices:  # as a number, where this is a text
        return f"write {found} without quotes"
    return did_you_mean(found, [choice.strip("'") for choice in choices])


_NUMERAL = re.compile(r"([-+]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([-+]?)(\d+))?", re.ASCII)


def number_hint(text: str) -> str | None:
    """Return how a number is written that YAML 1.1 reads a text of: `1e-3`, for want of a point and a sign."""
    match = _NUMERAL.fullmatch(text)
    if match is None:
        return None
    written = f"{match[1]}{match[2] or 0}.{match[3] or 0}e{match[4] or '+'}{match[5]}" if match[5] else text
    if written == text:
        return f"write {text} without quotes"
    return f"write {written}: without a point and the exponent's sign YAML reads a text"


def _other_spelling(section: type[Section] | None, key: str, document: Document, path: DataPath) -> str | None:
    """Return the other spelling of a key that the file has too; only one of them can be read."""
    for name, info in section.model_fields.items() if section else ():
        words = spellings(name, info)
        if key in words:
            return next((word for word in words if word != key and (*path, word) in document.keys), None)
    return None


_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

# Of more choices only the first are in a message: those of the language itself.
_MOST_CHOICES, _MOST_SHOWN = 12, 6
_BOUNDS = {
    "greater_than_equal": ("at least {}", "ge"),
    "less_than_equal": ("at most {}", "le"),
    "greater_than": ("more than {}", "gt"),
    "less_than": ("less than {}", "lt"),
    "string_too_short": ("at least {} characters", "min_length"),
    "string_too_long": ("at most {} characters", "max_length"),
    "too_short": ("at least {} entries", "min_length"),
    "too_long": ("at most {} entries", "max_length"),
}
_SINGLE = {f"at {which} 1 {many}": f"at {which} 1 {one}" for which in ("least", "most")
           for many, one in (("characters", "character"), ("entries", "entry"))}  # fmt: skip


def _value_message(name: str, detail: ErrorDetails) -> str:
    """Say what was found and what was expected; messages of our own validators pass as they are."""
    kind, found = detail["type"], detail.get("input")
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    subject = f"'{name}' is {describe(found)}" if name else f"this is {describe(found)}"
    if isinstance(found, dict) and type(found) is not dict:  # an Expression, which this module doesn't know
        subject = f"'{name}' is an expression, and what it says is needed before anything runs"
    if kind in _EXPECTED:
        return f"{subject}, expected {_EXPECTED[kind]}"
    if kind in ("literal_error", "enum"):
        choices = _choices(detail)
        more = f" and {len(choices) - _MOST_SHOWN} more" if len(choices) > _MOST_CHOICES else ""
        return f"{subject}, expected {', '.join(choices[: _MOST_SHOWN if more else None])}{more}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        said = words.format(detail["ctx"][bound])
        return f"{subject}, expected {_SINGLE.get(said, said)}"
    return f"{subject}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def describe(value: object) -> str:
    """Name a value in a message, shortened."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return f"'{value}'" if len(value) <= 80 else f"'{value[:77]}…'"
        case _:
            return str(value)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean 'x'" for the nearest known word, else the known words where these are few."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'"
    return "known here: " + ", ".join(words) if 0 < len(words) <= 12 else None


def section_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[Section] | None:
    """Return the section type at `location` below the model, None where there is none."""
    current: Any = model
    for part in location:
        current = _step(current, part)
    return current if isinstance(current, type) and issubclass(current, Section) else None


def known_keys(section: type[BaseModel] | None) -> tuple[str, ...]:
    """Return the keys that a section takes, in all spellings."""
    fields = section.model_fields.items() if section else ()
    return tuple(spelling for name, info in fields for spelling in spellings(name, info))


def spellings(name: str, info: Any) -> list[str]:
    """Return the keys that stand for a field in a file, the preferred one first."""
    choices = getattr(info.validation_alias, "choices", None)
    if choices:
        return [str(choice) for choice in choices]
    return [str(info.validation_alias or info.alias or name)]


def _step(current: Any, part: str | int) -> Any:
    """Go from a type to the type of its member: a model's field, the values of a mapping, the items of a list."""
    from typing import get_args, get_origin

    if _is_model(current):
        for name, info in current.model_fields.items():
            if part == name or part in spellings(name, info):
                return _first_model(info.annotation)
        return None
    if get_origin(current) in (dict, Mapping):
        return _first_model(get_args(current)[1])
    if get_origin(current) in (list, tuple):
        return _first_model(get_args(current)[0])
    return current


def _first_model(annotation: Any) -> Any:
    """Of a union take the first member that is a section or a container; that is what a mapping was meant for."""
    from typing import get_args, get_origin

    if _is_model(annotation) or get_origin(annotation) in (dict, list, tuple, Mapping):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _first_model(arg)) is not None), None)


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)
