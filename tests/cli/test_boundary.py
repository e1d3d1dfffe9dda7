"""What ends a command, and how that is told."""

from __future__ import annotations

import signal

import pytest
from pydantic_core import SchemaError, SchemaSerializer, core_schema

from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.errors import ExitCode
from tests.interrupting import Interrupts


def test_ctrl_c_while_pydantic_builds_a_schema_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SchemaError) as ended:
        SchemaSerializer(core_schema.literal_schema([Interrupts(signal.SIGINT)]))
    assert show_failure(ended.value, wants_json=False) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted; ")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SchemaError("Error building `model` serializer"), ExitCode.BUG, "This is a bug"),
        (ValueError("KeyboardInterrupt"), ExitCode.BUG, "This is a bug"),
    ],
)
def test_an_error_that_is_no_interruption_is_a_bug(
    error: Exception, code: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_failure(error, wants_json=False) == code
    assert words in capsys.readouterr().err
