"""Where readers find the predictions of an inference pipeline's model, and how many there have to be."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import template_of
from pipeline_builder.documents.fields import NoFlag
from pipeline_builder.documents.schema import Section, describe


def _to(value: JSON) -> JSON:
    """An address, whose dates are filled in by each run; nothing else of it is known only then."""
    text = template_of(value)
    if text is None or not text.startswith("s3://") or not text[5:].partition("/")[0]:
        shown = describe(text if text is not None else value)
        raise ValueError(f"'to' is {shown}, expected an s3:// address, with ${{date}} and its parts in it at most")
    if "//" in text[5:]:  # a folder without a name, which no reader looks into
        raise ValueError(f"'to' is {describe(text)}, expected no empty name between two slashes")
    return text


class PublishSection(Section):
    """Where the predictions are put when the run has passed its gate."""

    to: Annotated[str, BeforeValidator(_to, json_schema_input_type=str)] = Field(
        description="s3:// address of the folder that readers look into; a day's predictions lie below dt=<date>/, "
        "or directly in it where it names all of the date itself"
    )
    min_rows_share: Annotated[float, Field(ge=0, le=1), NoFlag] = Field(
        1.0, description="the least share of the input's rows that is predicted"
    )
