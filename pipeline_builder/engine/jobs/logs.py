"""What a job leaves to say: the end of its log, and why it failed; cleaned of all that a terminal would obey."""

from __future__ import annotations

import os
import re
import signal
import stat
from pathlib import Path

_SIGNALS = frozenset(int(number) for number in signal.Signals)
END = 262_144
"""Bytes of a log's end, where it says why a job failed."""
WHOLE = 16 << 20
"""Bytes of a log that are read as the whole of it."""
MESSAGE_LIMIT = 1024
"""Characters of FailureReason and ExitMessage in the service's model."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def failure_message(ml: Path, log: Path, exit_code: int) -> str:
    """Return why the job failed, at most 1024 characters: the script's own failure file, else the end of its log."""
    own = _read_regular(ml / "output" / "failure", MESSAGE_LIMIT * 4)
    if text := _clean(own).strip():
        return text[:MESSAGE_LIMIT].rstrip()
    # The last lines say it: a traceback ends with its message.
    if text := "\n".join(log_tail(log, 40)).strip():
        return text[-MESSAGE_LIMIT:].lstrip()
    # A shell says 128 + N for signal N; a script may say 255 by itself.
    reason = f"killed by signal {exit_code - 128}" if exit_code - 128 in _SIGNALS else f"exit code {exit_code}"
    return f"{reason}, and nothing in the log" + (", possibly out of memory" if exit_code == 137 else "")


def log_tail(log: Path, lines: int, *, most: int = END) -> tuple[str, ...]:
    """Return the last lines of the log without control sequences; reads at most its last `most` bytes."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            data = file.read(most)
    except OSError:
        return ()
    text = _clean(data if size <= most else data.partition(b"\n")[2] or data)
    return tuple(line.rstrip() for line in text.rstrip().split("\n")[-lines:]) if text.strip() and lines > 0 else ()


def left_before(log: Path) -> int:
    """Return how many bytes of a log are before what is read of it as a whole."""
    try:
        return max(0, log.stat().st_size - WHOLE)
    except OSError:
        return 0


def _clean(data: bytes) -> str:
    """Decode and take out what a terminal would obey; of a line drawn over again, such as a progress bar, the last."""
    text = _SEQUENCE.sub("", data.decode("utf-8", "replace"))
    shown = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROL.sub("", "\n".join(shown))


def _read_regular(path: Path, limit: int) -> bytes:
    """Read a file that the job made: no link is followed, and nothing that would block is waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(descriptor, limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)
