"""Stamps: what the system says of a folder's files: one that nobody has touched is known without reading it."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from operator import itemgetter
from pathlib import Path

from pipeline_builder.machine.unchanged import walk

_TRIES, _TICK = 3, 0.005


def stamp_of(folder: Path, clock: Path) -> str:
    """Return what is another one when any file in a folder is, compiled ones of Python too; empty for a doubt.

    Nobody sets the time of a file's last change. One that is not before the time of `clock`, a file that is written
    here first and goes again, could change once more within the same tick: then there is no stamp. Nor is there one
    where the clock is another file system's, which may tick otherwise.
    """
    try:
        clock.write_bytes(b"")
        now = clock.stat()
        clock.unlink()
        base, found = os.fspath(folder), hashlib.sha256()
        for path, status in sorted(walk(base), key=itemgetter(0)):
            if stat.S_ISDIR(status.st_mode):
                continue
            if status.st_ctime_ns >= now.st_ctime_ns or status.st_dev != now.st_dev:
                return ""
            facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            found.update(f"{path[len(base) + 1 :]}\0{facts}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return found.hexdigest()


def find_stamp(folder: Path, clock: Path) -> str:
    """Return a folder's stamp a tick after it was written; empty where its clock ticks seldom.

    Whoever looks at the files, or writes them, takes it before anybody else can have changed them.
    """
    for _ in range(_TRIES):
        if found := stamp_of(folder, clock):
            return found
        time.sleep(_TICK)
    return ""
