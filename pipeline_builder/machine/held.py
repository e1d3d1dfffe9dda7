"""Whether somebody holds a file's lock: looked up, not tried, so that whoever wants it meanwhile gets it."""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")


def is_held(path: Path, locks: Path = _LOCKS) -> bool | None:
    """Tell whether a process holds the file's lock (flock); None where the system doesn't tell.

    Linux lists them as `1: FLOCK  ADVISORY  WRITE 4711 fd:00:1234 0 EOF`, with the file's device and inode.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a file that isn't there has no lock
    except OSError:
        return False
    try:
        lines = locks.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return None
    locked = [parts for line in lines if len(parts := line.split()) > 5]
    # File systems above others have devices of their own: the inode is what both say.
    return any(parts[1] == "FLOCK" and parts[5].rpartition(":")[2] == str(found.st_ino) for parts in locked)
