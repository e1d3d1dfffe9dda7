"""Orphans: git that goes on in a folder of bare repositories after the checkout that started it was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from pipeline_builder.checkout.runner import GRACE, MARK, signal_session
from pipeline_builder.machine.processes import list_processes

_PAUSE = 0.02


def end_left(cache: Path) -> None:
    """End what git still does to the repositories in a folder, whose owner was killed alone: it would go on writing.

    For whoever holds the folder's lock, and before anything is started there.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        while (left := _left_in(cache)) and time.monotonic() < deadline:
            for group in left:
                signal_session(group, number)
            time.sleep(_PAUSE)


def _left_in(cache: Path) -> set[int]:
    """Return the sessions of git in the folder's repositories; nobody but us gives git one of its own.

    What git itself has started has no mark in its command, but the repository in its environment; it may have outlived
    the leader of the session.
    """
    marks = (os.fsencode(f"{MARK}{cache}{os.sep}"), os.fsencode(f"GIT_DIR={cache}{os.sep}"))
    found = set()
    for process, command in list_processes():
        told = command + _environment_of(process, command)
        if any(mark in told for mark in marks):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                session = os.getsid(process)
                found |= {session} if session == process or not _is_there(session) else set()
    return found


def _is_there(process: int) -> bool:
    """Tell whether a process goes on; one that nobody has waited for yet, or ever will, has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _environment_of(process: int, command: bytes) -> bytes:
    """Return the environment of a git, where it is told."""
    if command.startswith(b"git") or b"/git" in command.partition(b"\0")[0]:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{process}/environ").read_bytes()
    return b""
