"""Commands on a terminal: their questions are answered as a person would."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def answer(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *answers: tuple[str, str]
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and all that was seen. `answers` are questions and replies."""
    main, side = pty.openpty()
    shown = {**environment, "TERM": "xterm", "COLUMNS": "150", "LINES": "60"}
    process = subprocess.Popen(command, cwd=folder, env=shown, stdin=side, stdout=side, stderr=side)
    os.close(side)
    seen = before = ""
    for question, reply in answers:
        while question not in seen:
            seen += os.read(main, 65536).decode()
        before, seen = before + seen, ""
        os.write(main, f"{reply}\n".encode())
    try:
        while part := os.read(main, 65536):
            seen += part.decode(errors="replace")
    except OSError:
        pass  # the other end is closed
    os.close(main)
    return process.wait(60), before + seen
