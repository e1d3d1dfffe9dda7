"""The processes of this machine, and the commands that they were started with."""

# Each execution looks at all processes once: with pathlib that would be a quarter of what starting one takes.
# ruff: noqa: PTH115, PTH123, PTH208
from __future__ import annotations

import contextlib
import os
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
    if Path("/proc/self/cmdline").exists():
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                yield int(name), _command_of(name)
        return
    with contextlib.suppress(OSError):
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,args="], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        for line in listed.stdout.splitlines():
            process, _, command = line.strip().partition(b" ")
            yield int(process), command


def _command_of(process: str) -> bytes:
    """Return a process's command line; while it becomes another program it has none for a moment."""
    deadline = 0.0
    while not (command := _read(f"/proc/{process}/cmdline")) and not 0.0 < deadline < time.monotonic():
        os.readlink(f"/proc/{process}/exe")  # fails for what is ended, or is the system's own: that has no command line
        deadline = deadline or time.monotonic() + _BECOMING
    return command


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
