"""Exit codes in words."""

from __future__ import annotations

import pytest

from pipeline_builder.engine.inside.exits import is_signal, render_exit, render_killed


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit code 1"),
        (255, "exit code 255"),
        (137, "exit code 137 (SIGKILL, often out of memory)"),
        (-9, "exit code 137 (SIGKILL, often out of memory)"),
        (139, "exit code 139 (SIGSEGV, a crash in native code)"),
        (143, "exit code 143 (SIGTERM)"),
        (128, "exit code 128"),
    ],
)
def test_words(code: int, words: str) -> None:
    assert render_exit(code) == words


def test_which_limit_it_was_is_said_instead_of_a_guess() -> None:
    assert render_killed(137, "the job reached its limit of memory") == (
        "AlgorithmError: exit code 137 (SIGKILL): the job reached its limit of memory"
    )
    assert render_killed(1, "the job reached its limit of log") == (
        "AlgorithmError: exit code 1: the job reached its limit of log"
    )
    assert [is_signal(code) for code in (0, 1, 128, 137, 255)] == [False, False, False, True, False]
