"""Retries: asks a server again that was busy or broke off, after a pause; never one that has said no."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import OutsideFailure, Problem

Outcome = TypeVar("Outcome")

PAUSES = (1.0, 3.0, 9.0)
"""Seconds between two tries, each half as long to half as long again: many that were refused at once come apart."""
PATIENCE = 180.0
"""Seconds after which nothing is tried again: connecting to nobody takes two minutes each time."""
LONGEST = 60.0
"""Seconds that a server may ask to wait; one that asks for more is left alone."""


class PassingFailure(OutsideFailure):
    """A failure that may be another one, or none, when the same is done again; `pause` is what the server asks for."""

    def __init__(self, *problems: Problem, pause: float = 0.0) -> None:
        super().__init__(*problems)
        self.pause = pause


def try_again(
    work: Callable[[], Outcome], wait: Callable[[float], bool], pauses: Sequence[float], longest: float
) -> Outcome:
    """Do it until it succeeds, fails for good, or was tried once more than there are pauses or after `longest` seconds.

    `wait` waits, and tells whether everything was stopped meanwhile.

    Raises:
        GitError: it failed.
        OutsideFailure: as well.
    """
    end = time.monotonic() + longest
    for pause in pauses:
        try:
            return work()
        except (GitError, PassingFailure) as error:
            wanted = _wanted(error)
            jittered = pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            if wanted is None or wanted > LONGEST or time.monotonic() + wanted + jittered > end:
                raise
        if wait(wanted + jittered):
            raise GitError("stopped", "interrupted")
    return work()


def _wanted(error: GitError | PassingFailure) -> float | None:
    """Return how long the server asks to wait, 0 where it doesn't say; None for what isn't asked again."""
    if isinstance(error, PassingFailure):
        return error.pause
    return (error.pause or 0.0) if error.passing else None
