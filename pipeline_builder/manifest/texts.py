"""Texts, numbers and lists of the manifest: what the services of AWS take, said before one of them refuses it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe

CONNECTION_ARN = r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]{36}"
_RESOLVE = re.compile(r"\{\{\s*resolve", re.IGNORECASE)


def matching(form: str | re.Pattern[str], expected: str) -> AfterValidator:
    """Return what refuses a text that isn't of the pattern; `expected` is said of it."""
    begins = re.compile(form) if isinstance(form, str) else form

    def check(value: str) -> str:
        if not begins.match(value) or "\n" in value:
            raise ValueError(f"{describe(value)} cannot be used, expected {expected}")
        return value

    return AfterValidator(check)


def inert(value: str) -> str:
    """Refuse what CloudFormation or CodePipeline would not take as text: they have no way to escape it."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError(f"{describe(value)} has a control character in it")
    if _RESOLVE.search(value):
        raise ValueError(f"{describe(value)} would be resolved by CloudFormation ('{{{{resolve:…}}}}')")
    if "#{" in value:
        raise ValueError(f"{describe(value)} would be taken for a variable by CodePipeline ('#{{…}}')")
    return value


def once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what stands twice in a list."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{describe(value)} stands twice in this list")
    return values


def number(value: JSON) -> JSON:
    """Refuse a switch where a number is expected."""
    # `yes` and `on` are booleans to YAML, and to Python 1.
    if isinstance(value, bool):
        raise ValueError(f"this is {describe(value)}, expected a whole number")  # noqa: TRY004 - pydantic wants it
    return value


Number = Annotated[int, BeforeValidator(number)]


def as_tuple(value: JSON) -> JSON:
    """A single text stands for a list of one."""
    return [value] if isinstance(value, str) else value
