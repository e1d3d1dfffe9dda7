"""Orphans: git that goes on in a folder of bare repositories after the checkout that started it was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline_builder.checkout.runner import GRACE, MARK, signal_session

_PAUSE = 0.02
_BECOMING = 0.2
"""Seconds in which a process has become another program; it needs thousandths of one."""


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
    for process, told in _processes():
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


def _processes() -> Iterator[tuple[int, bytes]]:
    """Yield the id of every process that can be seen, with its command line, and its environment where it is told."""
    folder = Path("/proc")
    if (folder / "self" / "cmdline").exists():
        for entry in folder.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = _command_of(entry)
                    of_git = command.startswith(b"git") or b"/git" in command.partition(b"\0")[0]
                    yield int(entry.name), command + ((entry / "environ").read_bytes() if of_git else b"")
        return
    with contextlib.suppress(OSError):
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,args="], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        for line in listed.stdout.splitlines():
            process, _, command = line.strip().partition(b" ")
            yield int(process), command


def _command_of(process: Path) -> bytes:
    """Return a process's command line; while it becomes another program it has none for a moment."""
    deadline = time.monotonic() + _BECOMING
    while not (command := (process / "cmdline").read_bytes()) and time.monotonic() < deadline:
        (process / "exe").readlink()  # fails for what is ended, or is the system's own: that has no command line
    return command
