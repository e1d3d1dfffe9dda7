"""What a job takes of the machine at this moment, looked up by its supervisor each second; standard library only."""

# pathlib would add half to the time that the launcher needs to start.
# ruff: noqa: PTH115, PTH123, PTH208
from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # `typing` would cost as much as all the other imports
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_builder.engine.inside.kernel import suppress
else:
    from kernel import suppress  # the file beside this one

PERIOD, LOG_PERIOD = 1.0, 0.1
"""Seconds between looks; at the log more often, because it grows fastest."""
_SHARE = 20
"""A walk through a job's files takes at most a twentieth of the time."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the job's own one


class Watch:
    """Compares what the job has with its limits, every LOG_PERIOD seconds.

    What is mounted in one of its folders isn't its: data, or an interpreter in /tmp.
    """

    def __init__(self, limits: dict[str, int], folders: list[str], *, private: bool) -> None:
        self._limits = limits
        self._folders = folders
        self._private = private
        self._next_look = self._next_walk = time.monotonic() + PERIOD

    def excess(self) -> str:
        """Return the name of a limit that is reached, "" for none."""
        if os.fstat(2).st_size >= self._limits["log"]:
            return "log"
        now = time.monotonic()
        if now < self._next_look:
            return ""
        self._next_look = now + PERIOD
        return self._programs() or self._disk(now)

    def _programs(self) -> str:
        tree = list(_descendants(_own_number()))
        if sum(threads for _, threads, _ in tree) >= self._limits["processes"]:
            return "processes"
        shared = _used(SHARED_MEMORY) if self._private else 0
        resident = sum(resident for _, _, resident in tree) + shared
        # This counts pages of files, and those that processes share several times: closer only where it may matter.
        if resident < self._limits["memory"]:
            return ""
        own = [_own_memory(pid, resident) for pid, _, resident in tree]
        used = sum(private for private, _ in own) + max(shared, sum(mapped for _, mapped in own))
        return "memory" if used >= self._limits["memory"] else ""

    def _disk(self, now: float) -> str:
        if now < self._next_walk:
            return ""
        # Each time, because a job may move a folder with a mount in it, and fill one that has its name then.
        foreign = frozenset(_mount_points() if self._private else ())
        used = sum(_size_of(folder, foreign) for folder in self._folders)
        self._next_walk = time.monotonic() + max(PERIOD, _SHARE * (time.monotonic() - now)) - PERIOD / 2
        return "disk" if used >= self._limits["disk"] else ""


def _own_number() -> int:
    """Return this process as /proc numbers it, which may be that of the machine outside."""
    try:
        return int(os.readlink("/proc/self"))
    except (OSError, ValueError):
        return os.getpid()


def _descendants(root: int) -> Iterator[tuple[int, int, int]]:
    """Yield each process below the root: its id, its threads, its resident bytes."""
    found: dict[int, tuple[int, int, int]] = {}
    for pid in _processes():
        # The name may have blanks and brackets; the rest is as proc(5) numbers it, less three.
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
            found[pid] = (int(fields[1]), int(fields[17]), int(fields[21]))
    page = os.sysconf("SC_PAGE_SIZE")
    below = {root}
    grown = True
    while grown:
        more = {pid for pid, (parent, _, _) in found.items() if parent in below and pid not in below}
        below |= more
        grown = bool(more)
    for pid in below - {root}:
        _, threads, resident = found[pid]
        yield pid, threads, resident * page


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # a system without it
        return []


def _own_memory(pid: int, resident: int) -> tuple[int, int]:
    """Return the bytes that are the process's own, and its part of shared memory; of files nothing."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            parts = dict(line.split()[:2] for line in file if line.startswith((b"Pss_Anon", b"Pss_Shmem")))
    except (OSError, ValueError):
        parts = {}
    if len(parts) < len(("Pss_Anon", "Pss_Shmem")):
        return resident, 0
    return int(parts[b"Pss_Anon:"]) * 1024, int(parts[b"Pss_Shmem:"]) * 1024


def _used(mount: str) -> int:
    try:
        system = os.statvfs(mount)
    except OSError:
        return 0
    return (system.f_blocks - system.f_bfree) * system.f_frsize


def _mount_points() -> Iterator[str]:
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            path = line.split()[4]
            for letter in (b" ", b"\t", b"\n", b"\\"):  # the last one last, which the others are written with
                path = path.replace(b"\\%03o" % letter[0], letter)
            yield os.fsdecode(path)


def _size_of(folder: str, foreign: frozenset[str]) -> int:
    """Return the bytes on the disk of all files below the folder, without those of foreign folders."""
    total, todo = 0, [folder]
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                with suppress(OSError):  # it is gone meanwhile
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False) and entry.path not in foreign:
                        todo.append(entry.path)
    return total
