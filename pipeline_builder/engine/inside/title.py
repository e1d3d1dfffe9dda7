"""The supervisor's command line as the job sees it: process 1 of a container is what the container runs."""

# pathlib would add half to the time that the supervisor needs to start.
# ruff: noqa: PTH123
from __future__ import annotations

_SET_NAME = 15  # from the kernel's prctl.h
_LONGEST_NAME = 15


def show(command: list[str]) -> None:
    """Write the job's command, as far as there is room for it, where the kernel has that of this process."""
    import ctypes

    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end of proc(5), counted from the state on
    words = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in command)
    room = end - start
    if room > 0:
        ctypes.memmove(start, words[: room - 1].ljust(room, b"\0"), room)
    name = command[0].rpartition("/")[2].encode("utf-8", "surrogateescape")[:_LONGEST_NAME]
    ctypes.CDLL(None).prctl(_SET_NAME, name, 0, 0, 0)
