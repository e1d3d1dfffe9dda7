"""A folder that somebody else has written: its files are found and opened without following a link anywhere."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.folders import MOST_FOLDERS

MOST_FILES = 1_000_000
"""Files of one folder that are taken: their names are in memory."""
_MOST_NAMED = 5
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # of a pipe nobody waits for its other end
_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
_NO_KEY = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_A_LINK = "it, or a folder above it, is a link or no folder"
_NO_FOLDER = {errno.ENOENT: "it isn't there any more", errno.ELOOP: _A_LINK, errno.ENOTDIR: _A_LINK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The folder `below` a folder of our own, `root`; `shown` is what people know it by."""

    root: Path
    below: str = ""
    shown: str = ""


@dataclass(slots=True)
class Survey:
    """The regular files of a tree, in the order of their paths, and what is there besides, as people read it."""

    files: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def render_some(names: Sequence[str]) -> str:
    """Return the names, of many the first."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


class Passage:
    """The bytes of one file of a tree: as many as it had when it was opened."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        found = os.fstat(descriptor)
        self._device = found.st_dev
        self._alone = found.st_nlink == 1 and found.st_uid == os.geteuid()
        self.size = self._left = found.st_size
        self.stamp = f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"
        """What changes with the file."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; InputProblems (PB551) where the file has become shorter."""
        block = os.read(self._descriptor, min(size, self._left))
        if not block and self._left and size:
            raise _changed(self._name)
        self._left -= len(block)
        return block

    def can_move(self, folder: Path) -> bool:
        """Tell whether the file can be put into a folder as it is.

        It is ours, has no other name, no way to go, and no attributes of its user's: by some of those an overlay would
        take it for something else.
        """
        return self._alone and folder.stat().st_dev == self._device and not _has_attributes(self._descriptor)

    def status(self) -> os.stat_result:
        """Return what the system says of the file now."""
        return os.fstat(self._descriptor)


def survey(tree: Tree) -> Survey:
    """Find the files of a tree.

    Raises:
        InputProblems: PB550 where it is no folder of its own any more or can't be read, PB553 for names that can't be
            keys, PB533 where folders lie too deep in each other, PB554 for too many files.
    """
    found = Survey()
    bad: list[str] = []
    with _opened(tree, "", _FOLDER) as top:
        waiting = [""]
        while waiting:
            for name, entry in _entries(tree, top, waiting.pop()):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                    _check_bounds(tree, f"{name}/", 0)
                elif entry.is_file(follow_symlinks=False):
                    found.files.append(name)
                else:
                    found.left_out.append(f"'{inert_line(name)}' ({_kind(entry)})")
                bad += [] if _can_be_key(entry.name) else [name]
                _check_bounds(tree, name, len(found.files) + len(waiting) + len(found.left_out))
    if bad:
        raise _bad_names(tree, bad)
    found.files.sort(key=lambda name: name.split("/"))
    found.left_out.sort()
    return found


@contextmanager
def opened(tree: Tree, name: str) -> Iterator[Passage]:
    """Open a file that `survey` has found.

    Raises:
        InputProblems: PB551 where it has changed meanwhile, PB550 where it can't be read.
    """
    with _opened(tree, name, _FILE) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _changed(f"{tree.shown}/{name}")
        yield Passage(descriptor, f"{tree.shown}/{name}")


def move(tree: Tree, name: str, file: Passage, target: Path) -> None:
    """Put an open file of a tree, in which nobody works any more, in the place of another file of the same disk.

    Raises:
        InputProblems: PB551 where another file has its name by now.
    """
    above, _, last = name.rpartition("/")
    with _opened(tree, above, _FOLDER) as folder:
        os.replace(last, target, src_dir_fd=folder)
    if not os.path.samestat(target.lstat(), file.status()):
        raise _changed(f"{tree.shown}/{name}")


def read_beginning(tree: Tree, name: str, limit: int) -> bytes:
    """Return the first bytes of a regular file of the tree, nothing where there is none."""
    try:
        with opened(tree, name) as file:
            return file.read(limit)
    except InputProblems:
        return b""


def _has_attributes(file: int) -> bool:
    try:
        return sys.platform == "linux" and any(name.startswith("user.") for name in os.listxattr(file))
    except OSError:  # a file system without them
        return False


def _entries(tree: Tree, top: int, here: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what is in a folder of the tree, with its path in there."""
    try:
        folder = _descend(top, here, _FOLDER)
    except OSError as error:
        raise _refused(tree, here, error) from error
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield f"{here}/{entry.name}" if here else entry.name, entry
    finally:
        os.close(folder)


@contextmanager
def _opened(tree: Tree, name: str, flags: int) -> Iterator[int]:
    try:
        root = os.open(tree.root, _FOLDER)
        try:
            descriptor = _descend(root, "/".join(part for part in (tree.below, name) if part), flags)
        finally:
            os.close(root)
    except OSError as error:
        raise _refused(tree, name, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _descend(top: int, path: str, flags: int) -> int:
    """Open what is below an open folder, one name at a time: so none is a link, whatever is done to them meanwhile."""
    here = os.dup(top)
    parts = path.split("/") if path else []
    for number, part in enumerate(parts, 1):
        try:
            there = os.open(part, flags if number == len(parts) else _FOLDER, dir_fd=here)
        finally:
            os.close(here)
        here = there
    return here


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_symlink():
            return "a link"
        return _KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), "no file")
    except OSError:
        return "gone"


def _can_be_key(name: str) -> bool:
    """Tell whether a name can be a part of an object's key: UTF-8, and nothing that a line or a path is made of."""
    return not _NO_KEY.search(name)


# --- what is said


def _check_bounds(tree: Tree, name: str, count: int) -> None:
    if name.count("/") > MOST_FOLDERS:
        message = f"below '{tree.shown}' more than {MOST_FOLDERS} folders lie in each other"
        raise InputProblems(Problem(id="PB533", message=message, hint="write the files into fewer folders"))
    if count > MOST_FILES:
        message = f"in '{tree.shown}' are more than {MOST_FILES:,} files"
        raise InputProblems(Problem(id="PB554", message=message, hint="write fewer, larger files: an archive of them"))


def _refused(tree: Tree, name: str, error: OSError) -> InputProblems:
    if name and error.errno in _NO_FOLDER:
        return _changed(f"{tree.shown}/{name}")
    where = f"{tree.shown}/{name}" if name else tree.shown
    why = _NO_FOLDER.get(error.errno or 0) or error.strerror
    message = f"the job's folder '{inert_line(where)}' can't be read: {why}"
    hint = "write files into the folder that the job finds; don't remove it, or put something else in its place"
    return InputProblems(Problem(id="PB550", message=message, hint=hint))


def _changed(name: str) -> InputProblems:
    message = f"'{inert_line(name)}' has changed while it was read"
    hint = "let the script wait for all that it has started, before it ends"
    return InputProblems(Problem(id="PB551", message=message, hint=hint))


def _bad_names(tree: Tree, names: list[str]) -> InputProblems:
    shown = render_some(sorted(ascii(name)[:200] for name in names))
    message = f"names in '{tree.shown}' can't be those of objects: {shown}"
    hint = "let the script write names of UTF-8 without backslashes, line ends and other control characters"
    return InputProblems(Problem(id="PB553", message=message, hint=hint))
