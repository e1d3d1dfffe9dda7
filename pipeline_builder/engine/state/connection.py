"""The one connection that a process has to its state's file, shared by its threads: opening one costs more than most
queries, and closing the last one brings all that was written to the disk.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.engine.state.rows import Row

PATIENCE = 60.0
"""Seconds that another process may keep the file locked."""


class Connection:
    """A connection that is opened when it is needed, and again where another file has taken the place of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._open: _Open | None = None
        self._close: Callable[[], object] = bool

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to this thread alone; inside of its own transaction it is the same one."""
        with self._lock:
            yield self._current()

    def set_up(self, *, lasting: bool) -> None:
        """Make the connection, which is held, one that writes, and where asked waits for the disk."""
        assert self._open
        if self._open.lasting is None:
            self._open.db.execute("PRAGMA journal_mode = WAL")
            self._open.db.execute("PRAGMA foreign_keys = ON")
        if self._open.lasting is not lasting:
            self._open.db.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
            self._open.lasting = lasting

    def drop(self) -> None:
        """Close the connection, so that the next who needs one looks at the file anew."""
        with self._lock:
            self._open = None
            self._close()

    def _current(self) -> sqlite3.Connection:
        if self._open and not self._open.db.in_transaction and self._open.identity != _identity(self._path):
            self.drop()
        if self._open is None:
            self._open = _Open(self._path)
            self._close = weakref.finalize(self, self._open.close)  # at the end of the process, too
        return self._open.db


class _Open:
    def __init__(self, path: Path) -> None:
        # Used by one thread at a time, whichever that is.
        self.db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self.db.row_factory = Row
        self.identity = _identity(path)
        self.lasting: bool | None = None  # as long as it has only read

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # what was committed is in the file, or in the log beside it
            self.db.close()


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return which file is there, for which process: a connection is of no use in another one."""
    try:
        found = os.stat(path)  # noqa: PTH116 - each query comes by here
    except OSError:
        return None
    return os.getpid(), found.st_dev, found.st_ino
