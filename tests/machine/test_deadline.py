"""The time that a command may take."""

from __future__ import annotations

import signal

import pytest

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.deadline import TimeIsUpError, time_limit


def run_out(error: Exception) -> None:
    """Do what makes another error of it that the time is up, as pydantic does while it builds a schema."""
    try:
        signal.raise_signal(signal.SIGALRM)
    except TimeIsUpError:
        raise error from None


def test_a_time_that_is_up_in_what_makes_another_error_of_it_is_still_that() -> None:
    with pytest.raises(TimeIsUpError), time_limit(10):
        run_out(ValueError("SchemaError: TimeIsUpError"))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="a bug"), time_limit(10):
        raise ValueError("a bug")
    with pytest.raises(InputProblems), time_limit(10):
        run_out(InputProblems(Problem(id="PB444", message="x")))
