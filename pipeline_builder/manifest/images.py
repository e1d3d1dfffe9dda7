"""Images on the local target: which Python packages, and which Python, stand for one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.documents.schema import Section, describe


def _version_text(value: object) -> object:
    """3.9 without quotes reads as a number, and 3.10 as 3.1, which is no version that anybody means."""
    return str(value) if isinstance(value, float) and value != 3.1 else value


def _python(value: str) -> str:
    if not re.fullmatch(r"(3\.\d{1,2}(\.\d{1,2})?)?", value):
        raise ValueError(f"'python' is {describe(value)}, expected a version in quotes, such as \"3.10\"")
    return value


class ImageSection(Section):
    """Which Python packages stand for a container image on the local target."""

    match: Annotated[str, Field(min_length=1)] = Field(description="pattern of the image URI, with * and ?")
    requirements: tuple[str, ...] = Field((), description="lines as in a requirements file")
    python: Annotated[
        str, BeforeValidator(_version_text, json_schema_input_type=str | float), AfterValidator(_python)
    ] = Field("", description='the image\'s Python, such as "3.10"; this machine has to have one')
