"""The time that a command may take, and what its end must not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TimeIsUpError(KeyboardInterrupt):
    """The time that a run may take is over; jobs end as they do on Ctrl-C."""


def hides(error: BaseException, interruption: type[BaseException]) -> bool:
    """Tell whether an error is what pydantic has made of an interruption that came while it was building a schema."""
    return type(error).__name__ == "SchemaError" and interruption.__name__ in str(error)


@contextmanager
def time_limit(minutes: float | None) -> Iterator[None]:
    """Interrupt what is inside after that time."""

    def ring(*_: object) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, (minutes or 0) * 60)
    try:
        yield
    except Exception as error:
        if hides(error, TimeIsUpError):
            raise TimeIsUpError from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def whole(*numbers: signal.Signals) -> Iterator[None]:
    """Let a time that ends inside, or one of these signals, end it only afterwards.

    Whoever starts something must know what to stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # nothing interrupts other threads
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in (signal.SIGALRM, *numbers)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
