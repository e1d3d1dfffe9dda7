"""How much of the machine one job may take, and how that is said where it took more."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1000**3
PROCESSES, LOG, MEMORY_SHARE, DISK_RESERVE = 4096, GIGABYTE, 0.9, 2 * GIGABYTE
_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """What one job may have. Sizes are in bytes; `memory` may be a share of the machine's, up to 1.

    Without `disk` it is what is free when the job starts, less 2 GB, or half of it where that is more; without
    `file_size` one file may be all of that.
    """

    processes: int = PROCESSES
    memory: int | float = MEMORY_SHARE
    disk: int | None = None
    file_size: int | None = None
    log: int = LOG

    def resolved(self, folder: Path) -> dict[str, int]:
        """Return each limit as a number, for a job whose files are in the folder; `short` is 1 on a disk that is."""
        disk = self.disk or room_on(folder)
        memory = int(self.memory * machine_memory()) if isinstance(self.memory, float) else self.memory
        file_size = min(self.file_size or disk, disk)
        log = min(self.log, file_size)
        short = int(self.disk is None and disk < DISK_RESERVE)
        return {
            "processes": self.processes, "memory": memory, "disk": disk, "file_size": file_size, "log": log,
            "short": short,
        }  # fmt: skip


DEFAULT_LIMITS = JobLimits()


def room_on(folder: Path) -> int:
    """Return how many bytes a job may write to the disk of a folder: 2 GB stay free, half where that is less."""
    free = shutil.disk_usage(folder).free
    return max(free - DISK_RESERVE, free // 2)


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that we are in."""
    known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_container_memory()]
    return min(known)


def _container_memory() -> Iterator[int]:
    for path in _CONTAINER:
        with contextlib.suppress(OSError, ValueError):
            yield int(Path(path).read_text(encoding="ascii"))


def render_excess(kind: str, limits: dict[str, int]) -> str:
    """Return why a job was ended that reached its limit."""
    what = {
        "processes": f"processes and threads: it may have {limits['processes']:,} at once",
        "memory": f"memory: it may have {render_size(limits['memory'])}",
        "disk": f"disk: its files may have {render_size(limits['disk'])} together",
        "file_size": f"file size: one file may have {render_size(limits['file_size'])}",
        "log": f"log: it may have {render_size(limits['log'])}",
    }[kind]
    words = f"the job reached its limit of {what} ('local.limits.{kind}' in the manifest)"
    # Where that is all that this machine has left, the job is not to blame.
    of_disk = kind in ("disk", "file_size", "log") and limits[kind] == limits["disk"]
    return f"PB674 disk full: {words}" if limits["short"] and of_disk else words


def render_size(size: int) -> str:
    """Return bytes in a unit that people read."""
    for unit, name in ((GIGABYTE, "GB"), (1000**2, "MB"), (1000, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
