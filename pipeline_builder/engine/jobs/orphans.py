"""Orphans: what is left of a job's namespaces when the engine, or bubblewrap itself, was killed as they were made.

Bubblewrap is two processes then: the one that the engine has started, and its child in the new namespaces. The child
waits at an eventfd of both for the word to go on, and only later asks to die with its parent. Where the parent is
killed in between, `--die-with-parent` has nobody to tell, and no end of file ever comes: it waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from pipeline_builder.machine.processes import list_processes


def end_left(jobs: Path, execution: str) -> None:
    """End every bubblewrap and fork server of an execution's jobs, and those that nobody waits for any more.

    For whoever holds the execution's lock, and before a job is started.
    """
    found = {number: command for number, command in list_processes() if _names(command, jobs)}
    for number, command in found.items():
        if _names(command, jobs / execution) or _is_left(number):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)


def wait_with_child(process: subprocess.Popen[bytes]) -> None:
    """Wait for a bubblewrap that leads a session of its own, and end the child that it may have left waiting."""
    if process.wait() == -signal.SIGKILL:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _names(command: bytes, folder: Path) -> bool:
    return _is_ours(command) and os.fsencode(f"{folder.absolute()}{os.sep}") in command


def _is_ours(command: bytes) -> bool:
    """Tell whether it is of a bubblewrap or a fork server, or of a supervisor as long as it hasn't its job's."""
    return b"bwrap" in command.partition(b"\0")[0] or b"import forkserver;" in command


def _is_left(process: int) -> bool:
    """Tell whether one of them is the child of one that is gone: in a namespace below ours, with another parent."""
    try:
        status = _status_of(str(process))
        parent = Path(f"/proc/{int(status['PPid'])}/cmdline")
        below = len(status["NSpid"].split()) > len(_status_of("self")["NSpid"].split())
        return below and not _is_ours(parent.read_bytes())
    except (OSError, KeyError, ValueError):
        return False


def _status_of(process: str) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines)}
