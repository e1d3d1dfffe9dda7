"""The processes of this machine, and the commands that they were started with."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_BECOMING = 0.2
"""Seconds in which a process has become another program; it needs thousandths of one."""


def list_processes() -> Iterator[tuple[int, bytes]]:
    """Yield the id of every process that can be seen, with its command: arguments that end in NUL, by blanks elsewhere.

    A process that has ended, or is the system's own, has no command.
    """
    folder = Path("/proc")
    if (folder / "self" / "cmdline").exists():
        for entry in folder.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    yield int(entry.name), _command_of(entry)
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
