"""Processes that answer questions: what they say, and that one which says nothing is no more than that."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager

import pytest

from pipeline_builder.engine.jobs.answering import Answering, answering

_LOOP = "import json, sys, time\nfor line in sys.stdin:\n    asked = json.loads(line)\n    {}\n    sys.stdout.flush()"


def process(body: str) -> AbstractContextManager[Answering]:
    return answering((sys.executable, "-I", "-c", _LOOP.format(body)), {}, subprocess.DEVNULL)


def test_each_question_gets_its_answer() -> None:
    with process("print(json.dumps({'twice': 2 * asked['n']}))") as asked:
        assert [asked.ask({"n": n}, 20) for n in range(3)] == [{"twice": 0}, {"twice": 2}, {"twice": 4}]


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "seconds", "status"),
    [("sys.exit(3)", 20, 3), ("time.sleep(60)", 0.2, -9), ("print('[1]')", 20, -9), ("print('no')", 20, -9)],
)
def test_one_that_gives_no_answer_is_ended_and_none_comes_to_the_next_question(
    body: str, seconds: float, status: int
) -> None:
    with process(body) as asked:
        assert asked.ask({"n": 1}, seconds) is None
        assert asked.status() == status
        assert asked.ask({"n": 2, "long": "x" * 100_000}, seconds) is None
