"""How long a container may take for an answer, and how often it is asked again."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import SERVER_ERROR, Answered, AnswerError, Asked
from pipeline_builder.engine.inside.job import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_builder.engine.inside.answers import Answer

TIMED_OUT = 504


def ask(answer: Answer, asked: Asked, *, retries: int) -> Answered:
    """Return the answer; a request that fails on the container's side is asked again.

    Raises:
        Exception: what the last try has raised.
    """
    tries = retries + 1
    for number in range(1, tries + 1):
        try:
            return answer(asked)
        except Exception as error:  # noqa: PERF203 - a try each is what it is for
            if number == tries or getattr(error, "status", SERVER_ERROR) < SERVER_ERROR:
                raise
            said = str(error) if isinstance(error, AnswerError) else f"{type(error).__name__}: {error}"
            tell(f"try {number} of {tries} failed, the next one follows: {said}")
    raise AssertionError("there is at least one try")


def timed_out(seconds: float, kind: type[AnswerError] = AnswerError) -> AnswerError:
    """Return the error of a request whose time is over."""
    return kind(TIMED_OUT, f"there is no answer after {seconds:g} s, which InvocationsTimeoutInSeconds allows")


@contextmanager
def within(answer: Answer, seconds: float) -> Iterator[Answer]:
    """Give an answer that is interrupted when its time is over; for the main thread, a server's client does it itself.

    The alarm is set up once, because there may be millions of requests.
    """

    def end(*_: Any) -> None:
        raise timed_out(seconds)

    def timed(asked: Asked) -> Answered:
        set_timer(clock, seconds)
        try:
            return answer(asked)
        finally:
            set_timer(clock, 0)

    clock, set_timer = signal.ITIMER_REAL, signal.setitimer
    before = signal.signal(signal.SIGALRM, end)
    try:
        yield timed
    finally:
        signal.signal(signal.SIGALRM, before)
