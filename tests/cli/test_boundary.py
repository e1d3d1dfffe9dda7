"""What ends a command, and how that is told."""

from __future__ import annotations

import pytest
from pydantic_core import SchemaError

from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.errors import ExitCode


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            SchemaError("Error building `model` serializer:\n  KeyboardInterrupt: "),
            ExitCode.INTERRUPTED,
            "interrupted; ",
        ),
        (SchemaError("Error building `model` serializer"), ExitCode.BUG, "This is a bug"),
        (ValueError("KeyboardInterrupt"), ExitCode.BUG, "This is a bug"),
    ],
)
def test_an_interruption_is_told_from_a_bug(
    error: Exception, code: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_failure(error, wants_json=False) == code
    assert words in capsys.readouterr().err
