"""The threads in which the steps of a run are done: whatever ends it, none of them goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pipeline_builder.engine.jobs.stopping import AT_ONCE, Stop

_LOOK = 0.01


@contextmanager
def step_threads(run: str, most: int, stop: Stop) -> Iterator[ThreadPoolExecutor]:
    """Yield where steps are done; an exception asks them to stop, and is raised again when all have ended.

    Who interrupts once more doesn't wait for jobs to save what they have; who does it a third time waits for nothing.
    """
    name = f"step-{run}"
    pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix=name)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        stop.ask(AT_ONCE)
        pool.shutdown(wait=False)
        try:
            _wait_for(name)
        except KeyboardInterrupt:
            stop.ask(0.0)
            _wait_for(name)
        raise


def _wait_for(name: str) -> None:
    """Wait for the threads by name: the pool doesn't know one that was being started at an interruption."""
    while any(thread.name.startswith(f"{name}_") for thread in threading.enumerate()):
        time.sleep(_LOOK)
