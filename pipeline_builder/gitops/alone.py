"""One watch at a time has a state."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.errors import PlanRefused, Problem

FOLDER = "watch"
"""Where in a state a watch keeps what it has to itself."""


@contextmanager
def only_watch(state: Path, who: str) -> Iterator[None]:
    """Be the only watch on a state; `who` is how another one names this one.

    The lock is the system's, so that of a process that was killed is gone with it.

    Raises:
        PlanRefused: PB680 where there is another.
    """
    path = state / FOLDER / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            message = f"another watch has this state: {file.read(200).strip() or 'it has just started'}"
            hint = "end that one first, or name another folder with --state"
            raise PlanRefused(Problem(id="PB680", message=message, hint=hint)) from error
        file.truncate(0)
        file.write(who)
        file.flush()
        yield
