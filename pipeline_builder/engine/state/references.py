"""Whoever takes results of another execution, and whoever decides which are needed no more, are never at it at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline_builder.engine.state.state import State


@contextmanager
def referring(state: State) -> Iterator[None]:
    """Hold what is found in the state until it is written who uses it; any number may at once.

    Not inside of a transaction: whoever decides holds this, and then opens one.
    """
    with _locked(state, fcntl.LOCK_SH):
        yield


@contextmanager
def deciding(state: State) -> Iterator[None]:
    """Look at all that is used, and write what isn't, while nobody begins to use anything."""
    with _locked(state, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(state: State, kind: int) -> Iterator[None]:
    # The lock is the system's, so that of a process that was killed is gone with it.
    with (state.folder / "references.lock").open("ab") as file:
        fcntl.flock(file, kind)
        yield
