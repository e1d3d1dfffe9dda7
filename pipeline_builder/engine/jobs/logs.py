"""What a job leaves to say: the end of its log, and why it failed; cleaned of all that a terminal would obey."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.descriptions import HEAD, LogPart
from pipeline_builder.engine.inside.exits import is_signal, render_exit, render_killed
from pipeline_builder.engine.jobs.standins import explain_absent
from pipeline_builder.inert import log_text
from pipeline_builder.machine.tree import Tree, read_beginning

END = 262_144
"""Bytes of a log's end, where it says why a job failed."""
WHOLE = 16 << 20
"""Bytes of a log that are read as the whole of it."""
MESSAGE_LIMIT = 1024
"""Characters of FailureReason and ExitMessage in the service's model."""
_MARK = re.compile(r"([0-9]{1,20})-([0-9]{1,15})")


def failure_message(ml: Path, log: Path, exit_code: int) -> str:
    """Return why the job failed, at most 1024 characters: the script's own failure file, else the end of its log.

    What a signal has ended could say nothing itself: that it was so, and which, comes first.
    """
    killed = render_killed(exit_code) if is_signal(exit_code) else ""
    room = MESSAGE_LIMIT - (len(killed) + 1 if killed else 0)
    own = _clean(read_beginning(Tree(root=ml, below="output"), "failure", MESSAGE_LIMIT * 4)).strip()
    # The last lines say it: a traceback ends with its message.
    said = own[:room].rstrip() or _end_of(log, room)
    if not said:
        return f"{killed or render_exit(exit_code)}, and nothing in the log"
    return f"{killed}\n{said}" if killed else said


def _end_of(log: Path, room: int) -> str:
    """Return the end of a log, and what may not be clear of it."""
    text = "\n".join(log_tail(log, 40)).strip()
    why = explain_absent(text)
    left = room - len(why) - 1 if why else room
    return text[-left:].lstrip() + (f"\n{why}" if why else "")


def log_tail(log: Path, lines: int, *, most: int = END) -> tuple[str, ...]:
    """Return the last lines of the log without control sequences; reads at most its last `most` bytes."""
    try:
        with _opened(log, os.O_RDONLY) as file:
            size = os.lseek(file, 0, os.SEEK_END)
            os.lseek(file, max(0, size - most), os.SEEK_SET)
            data = os.read(file, most)
    except OSError:
        return ()
    text = _clean(data if size <= most else data.partition(b"\n")[2] or data)
    return tuple(line.rstrip() for line in text.rstrip().split("\n")[-lines:]) if text.strip() and lines > 0 else ()


def log_part(log: Path, *, mark: str, most: int, ended: bool) -> LogPart:
    """Return what a log has from a mark on, in whole lines where it has any; nothing where it can't be read.

    The last line comes without its end once the job has `ended`. A log of another file than the marked one is that of
    another try: of that it is the end, as where there is no mark.
    """
    try:
        with _opened(log, os.O_RDONLY) as file:
            known = os.fstat(file)
            start, anew = _start(mark, known, most)
            data = os.pread(file, most, start)
    except OSError:
        return LogPart(text="", mark=mark)
    if start and (not mark or anew):  # the end of a log begins with a whole line
        cut = data.find(b"\n") + 1
        start, data = start + cut, data[cut:]
    data = _whole(data, at_end=ended and start + len(data) >= known.st_size, full=len(data) >= most)
    after = start + len(data)
    more = bool(data) and after < known.st_size
    return LogPart(text=_clean(data), mark=f"{known.st_ino}-{after}", more=more, before=start, anew=anew)


def _start(mark: str, known: os.stat_result, most: int) -> tuple[int, bool]:
    """Return where to read from, and whether that is in another file than the mark's."""
    if mark == HEAD:
        return 0, False
    found = _MARK.fullmatch(mark)
    if found and int(found[1]) == known.st_ino:
        return min(int(found[2]), known.st_size), False
    return max(0, known.st_size - most), found is not None


def _whole(data: bytes, *, at_end: bool, full: bool) -> bytes:
    """Return the whole lines; of one that is longer than what is read together, all but half a character."""
    if at_end:
        return data
    if (end := data.rfind(b"\n") + 1) or not full:
        return data[:end]
    tail = next((n for n in range(1, 4) if data[-n] >= 0xC0), 0)  # the first byte of a character of several
    return data[:-tail] if tail and len(data) > tail else data


def append_line(log: Path, text: str) -> None:
    """Add a line of the engine's own to a job's log, which is made; one that can't be written to stays as it is."""
    with contextlib.suppress(OSError), _opened(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
        os.write(file, f"{text}\n".encode("utf-8", "replace"))


def left_before(log: Path) -> int:
    """Return how many bytes of a log are before what is read of it as a whole."""
    try:
        return max(0, log.stat().st_size - WHOLE)
    except OSError:
        return 0


def _clean(data: bytes) -> str:
    return log_text(data.decode("utf-8", "replace"))


@contextmanager
def _opened(log: Path, flags: int) -> Iterator[int]:
    """Open a log as itself: where jobs aren't isolated, one may have put a link or a pipe in its place."""
    descriptor = os.open(log, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no file", str(log))
        yield descriptor
    finally:
        os.close(descriptor)
