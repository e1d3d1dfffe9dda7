"""What takes seconds to make and is only looked at: one of a run's processes makes it, for all of them."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.places import folder_of_run

T = TypeVar("T")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], T]) -> T:
    """Return a copy of what `make` makes, a value; a process that asks while another makes it waits.

    Where making it fails, it fails for the test that asked, and the next one tries again.
    """
    folder = folder_of_run(factory) / "once"
    folder.mkdir(exist_ok=True)
    made = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            writing = folder / f"{name}.{os.getpid()}"
            writing.write_bytes(pickle.dumps(make()))
            writing.replace(made)
    found: T = pickle.loads(made.read_bytes())
    return found
