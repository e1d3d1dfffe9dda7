"""The supervisor's command line as the job sees it: process 1 of a container is what the container runs."""

# pathlib would add half to the time that the supervisor needs to start.
# ruff: noqa: PTH123
from __future__ import annotations

_LONGEST_NAME = 15


def show(command: list[str]) -> None:
    """Write the job's command, as far as there is room for it, where the kernel has that of this process."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end of proc(5), counted from the state on
    words = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in command)
    room = end - start
    if room > 0:
        _write(start, words[: room - 1].ljust(room, b"\0"))
    with open("/proc/self/comm", "wb") as file:
        file.write(command[0].rpartition("/")[2].encode("utf-8", "surrogateescape")[:_LONGEST_NAME])


def _write(address: int, content: bytes) -> None:
    """Change this process's memory, mostly without `ctypes`, which takes as long to import as Python to start."""
    try:
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(content)
    except OSError:
        import ctypes

        ctypes.memmove(address, content, len(content))
