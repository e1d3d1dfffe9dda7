"""Orphans: what is left of a job's namespaces when the engine was killed as they were made."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from pipeline_builder.machine.processes import list_processes


def end_left(folder: Path) -> None:
    """End every bubblewrap that names a folder of jobs: one whose parent was killed at once waits for it for ever.

    For whoever holds the execution's lock, and before a job is started.
    """
    mark = os.fsencode(f"{folder.absolute()}{os.sep}")
    for process, command in list_processes():
        if b"bwrap" in command.partition(b"\0")[0] and mark in command:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
