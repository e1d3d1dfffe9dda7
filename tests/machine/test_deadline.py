"""The time that a command may take."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from pydantic_core import SchemaError, SchemaSerializer, SchemaValidator, core_schema

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.deadline import TimeIsUpError, hides, time_limit
from tests.interrupting import Interrupts


@pytest.mark.parametrize("build", [SchemaSerializer, SchemaValidator])
def test_a_time_that_is_up_while_pydantic_builds_a_schema_is_up(
    build: Callable[[core_schema.CoreSchema], object],
) -> None:
    schema = core_schema.literal_schema([Interrupts(signal.SIGALRM)])
    with pytest.raises(TimeIsUpError) as ended, time_limit(10):
        build(schema)
    assert isinstance(ended.value.__cause__, SchemaError)


def test_an_interruption_by_a_person_is_none_by_the_clock() -> None:
    schema = core_schema.literal_schema([Interrupts(signal.SIGINT)])
    with pytest.raises(SchemaError) as ended, time_limit(10):
        SchemaSerializer(schema)
    assert hides(ended.value, KeyboardInterrupt)
    assert not hides(ended.value, TimeIsUpError)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("TimeIsUpError"),
        SchemaError("Error building `model` serializer"),
        InputProblems(Problem(id="PB444", message="x")),
    ],
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as ended, time_limit(10):
        raise error
    assert ended.value is error
