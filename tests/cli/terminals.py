"""Commands on a terminal: their questions are answered as a person would."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.forking import Process, fork_on
from tests.workspaces import PROGRAM

_PATIENCE = 120
"""Seconds in which a command says something more, on the slowest machine."""


@contextmanager
def on_terminal(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[Process | subprocess.Popen[bytes], int]]:
    """Run a command on a terminal; where a test fails, it is killed, and nothing of it is left open."""
    main, side = pty.openpty()
    process: Process | subprocess.Popen[bytes]
    if tuple(command[: len(PROGRAM)]) == PROGRAM:
        process = fork_on(side, command[len(PROGRAM) :], cwd=folder, environment=environment)
    else:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=side, stdout=side, stderr=side)
    os.close(side)
    try:
        yield process, main
    finally:
        process.kill()
        process.wait()
        os.close(main)


def answer(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *answers: tuple[str, str],
    columns: int = 150,
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and all that was seen. `answers` are questions and replies."""
    shown = {**environment, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "60"}
    with on_terminal(command, folder, shown) as (process, main):
        seen = before = ""
        for question, reply in answers:
            while question not in seen:
                part = read_more(main, f"'{question}' after {seen[-500:]!r}")
                assert part, f"the command ended before '{question}': {seen}"
                seen += part
            before, seen = before + seen, ""
            os.write(main, f"{reply}\n".encode())
        while part := read_more(main, f"the end, after {seen[-500:]!r}"):
            seen += part
        return process.wait(60), before + seen


def read_more(main: int, awaited: str) -> str:
    """Return what comes next, nothing at the end; a command that is silent for long has hung, which no test may do."""
    ready, _, _ = select.select([main], [], [], _PATIENCE)
    assert ready, f"the command said nothing for {_PATIENCE} seconds; waited for {awaited}"
    try:
        return os.read(main, 65536).decode(errors="replace")
    except OSError:  # the other end is closed
        return ""
