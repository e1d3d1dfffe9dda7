"""The garbage collector: out of the way of who makes large trees, and called where a process goes on after them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Composing makes trees that all live to its end: looking for garbage among them takes a fifth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def collect_all() -> None:
    """Collect also what composing has kept the collector away from, which for a single command is all there ever is."""
    gc.unfreeze()
    gc.collect()
