"""What the system refuses, in words: a full disk, a folder that is read only, too many open files."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.inert import inert_line

# What the system refuses for reasons that are not the program's.
_OF_THIS_MACHINE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.EMFILE,
    errno.ENFILE, errno.ENAMETOOLONG, errno.ENOMEM, errno.EIO, errno.EFBIG, errno.ELOOP, errno.EEXIST, errno.ENODEV,
    errno.ENXIO, errno.ESTALE, errno.ETXTBSY, errno.EBUSY, errno.ENOTEMPTY, errno.ENOLCK, errno.ENOTCONN, errno.EXDEV,
}  # fmt: skip
_FULL = {errno.ENOSPC, errno.EDQUOT}
_HINTS = {
    errno.EFBIG: "the file is larger than this process may write: 'ulimit -f' says how much",
    errno.EMFILE: "'ulimit -n' says how many files may be open, and '--jobs' how many jobs run at once",
    errno.ENFILE: "this machine has too many files open: end what isn't needed",
    errno.EXDEV: "another file system is mounted, or linked to, within the folder: mount one over all of it",
    errno.EBUSY: "another file system is mounted there, or a program holds it",
    errno.ENOLCK: "the file system has no locks: name a folder of another one with '--state'",
    errno.ENOTCONN: "what was mounted there has ended: mount it again",
    errno.ENOTEMPTY: "a program writes there meanwhile: end it, and do the same again",
    errno.EIO: "the disk is damaged or gone: the system's log says more",
}
FULL = "PB674"
"""Id of what is said of a full disk."""
OWN = ("PB001", "PB532", FULL)
"""Ids of what is said of this machine; a run that fails with them fails for nothing that is in it."""
_ENOUGH = 1 << 20


def is_of_this_machine(error: OSError) -> bool:
    """Tell whether the system has refused something; any other error is a bug of whoever asked."""
    return error.errno in _OF_THIS_MACHINE


def refusal(error: OSError) -> OutsideFailure:
    """Return what to say of it."""
    path = error.filename2 or error.filename  # of a rename, what was to be replaced: the other is ours
    name = f" '{inert_line(os.path.relpath(os.fsdecode(path)))}'" if isinstance(path, str | bytes) else ""
    if error.errno in _FULL:
        return OutsideFailure(full(f"cannot write{name or ' a file'} ({error.strerror})"))
    message = f"cannot use{name or ' a file'}: {error.strerror or error}"
    return OutsideFailure(Problem(id="PB001", message=message, hint=_HINTS.get(error.errno or 0)))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the system refuses inside say which file it was about: a write to an open one doesn't."""
    try:
        yield
    except OSError as error:
        if error.filename is None and is_of_this_machine(error):
            error.filename = str(path)
        raise


def full(what: str) -> Problem:
    """Return what is said of a full disk, of which `what` is the first that it stops."""
    return Problem(id=FULL, message=f"disk full: {what}", hint="make room, and do the same again: it goes on then")


def is_full_at(folder: Path) -> bool:
    """Tell whether there is no room below the folder any more."""
    found = os.statvfs(folder)
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _ENOUGH


def refuse_full(folder: Path, what: str) -> None:
    """Raise OutsideFailure where nothing can be written below the folder any more, which has stopped `what`."""
    if is_full_at(folder):
        raise OutsideFailure(full(what))


def says_full(text: str) -> bool:
    """Tell whether another program says that the disk is full."""
    return bool(
        re.search(r"No space left on device|Out of diskspace|Disk quota exceeded|disk is full", text, re.IGNORECASE)
    )


def is_full(error: PipelineBuilderError) -> bool:
    """Tell whether it is a full disk that is said."""
    return any("disk full" in problem.message for problem in error.problems)
