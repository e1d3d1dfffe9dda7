"""When a step's result is taken from the cache, and when the service tries it again."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import Duration, Names, NoFlag
from pipeline_builder.documents.schema import Section


class CacheSection(Section):
    """How long a step's result may be taken from the cache."""

    expire_after: Duration = Field("P30D", description="ISO 8601 duration")
    data: bool = Field(
        False, description="new data at the same address makes the step run again: its files are listed at the start"
    )


class RetrySection(Section):
    """When the service tries a step again. An error of the script itself is never retried."""

    exceptions: Names = Field(
        (),
        description="Step.SERVICE_FAULT, Step.THROTTLING, and for jobs SageMaker.JOB_INTERNAL_ERROR, "
        "SageMaker.CAPACITY_ERROR, SageMaker.RESOURCE_LIMIT; default: all that the step takes",
    )
    interval_seconds: Annotated[int, NoFlag] = Field(1, description="pause before the first retry, seconds")
    backoff_rate: Annotated[float, NoFlag] = Field(2.0, description="each pause is that many times the one before")
    max_attempts: Annotated[int, Field(ge=1, le=20), NoFlag] | None = Field(
        None, description="tries at most; this or expire_after_minutes, default 5"
    )
    expire_after_minutes: Annotated[int, NoFlag] | None = Field(None, description="give up after so many minutes")


def _one_policy(value: JSON) -> JSON:
    """A number is short for that many attempts, a mapping for a list of one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [{"max_attempts": value}]
    return [value] if isinstance(value, dict) else value


Retry = Annotated[
    tuple[RetrySection, ...],
    BeforeValidator(_one_policy, json_schema_input_type=int | RetrySection | tuple[RetrySection, ...]),
]
