"""The namespaces of one job, made by the process that becomes its supervisor; at the end it has no rights any more.

What bubblewrap does for a job, for the part of it that differs from job to job: the rest of the view, in which this
process was started, is bubblewrap's own. `mounts` are in its words, in order; a source is a path of this machine, whose
file system is at MACHINE until all is mounted.
"""

# pathlib isn't loaded where supervisors run.
# ruff: noqa: PTH123
from __future__ import annotations

import ctypes
import errno
import os
import stat

TYPE_CHECKING = False  # `typing` would take as long as all the other imports
if TYPE_CHECKING:
    from typing import Any

    from pipeline_builder.engine.inside.places import MACHINE, SHARED_MEMORY
else:
    from places import MACHINE, SHARED_MEMORY  # the file beside this one

_LIBRARY = ctypes.CDLL(None, use_errno=True)
with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
    _LAST_CAPABILITY = int(file.read())

# Of linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h and linux/seccomp.h.
_NEW_PIDS, _NEW_USERS, _NEW_MOUNTS, _NEW_IPC, _NEW_NAMES = 0x20000000, 0x10000000, 0x00020000, 0x08000000, 0x04000000
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8
_DETACH, _NO_FOLLOW = 2, 8
_OPEN_TREE, _MOVE_MOUNT, _SET_ATTRIBUTES = 428, 429, 442
_HERE, _EMPTY_PATH, _RECURSIVE, _CLONE, _FROM_EMPTY, _TO_EMPTY = -100, 0x1000, 0x8000, 1, 0x04, 0x40
_DUMPABLE, _SECCOMP, _DROP_BOUND, _NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 4, 22, 24, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522
_LONGEST_OPTIONS = os.sysconf("SC_PAGE_SIZE")


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]


def leave_for_processes(own: int) -> None:
    """Let the next child be process 1 of a new namespace; `own` is a descriptor of this process's own one."""
    _call("setns", own, _NEW_PIDS)
    _call("unshare", _NEW_PIDS)


def enter(mounts: list[str], *, most: int, user: tuple[int, int], filtered: bytes) -> None:
    """Make the job's namespaces around this process, which is the first of its process namespace.

    `most` bounds the process numbers, where it isn't 0; `user` is whom the job is, and its group. OSError where one of
    it can't be done: nothing may be run then.
    """
    _call("unshare", _NEW_MOUNTS | _NEW_IPC | _NEW_NAMES)
    umask = os.umask(0)
    _mount("proc", "/proc", "proc", _NO_SETUID | _NO_PROGRAMS | _NO_DEVICES)
    if most:
        _write("/proc/sys/kernel/pid_max", str(most))
    _mount("tmpfs", SHARED_MEMORY, "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=1777")
    _mount_all(mounts)
    _call("umount2", MACHINE.encode(), _DETACH | _NO_FOLLOW)
    _mount("devpts", "/dev/pts", "devpts", _NO_SETUID | _NO_PROGRAMS, "newinstance,ptmxmode=0666,mode=620")
    os.umask(umask)
    os.chdir("/")
    _become(*user)
    _drop_rights(filtered)


def _become(user: int, group: int) -> None:
    """Enter a user namespace of the job's own, below that which its mounts belong to: they are not its to change."""
    outside = os.geteuid(), os.getegid()
    _call("prctl", _DUMPABLE, 1, 0, 0, 0)  # else the files below are root's
    _call("unshare", _NEW_USERS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {outside[0]} 1\n")
    _write("/proc/self/gid_map", f"{group} {outside[1]} 1\n")


def _drop_rights(filtered: bytes) -> None:
    """Give up every capability for good, and take the filter of system calls."""
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call("prctl", _AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for number in range(_LAST_CAPABILITY + 1):
        _call("prctl", _DROP_BOUND, number, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _call("capset", header, nothing)
    lines = ctypes.create_string_buffer(filtered, len(filtered))
    program = _Program(len(filtered) // 8, ctypes.cast(lines, ctypes.c_void_p))
    _call("prctl", _SECCOMP, 2, ctypes.byref(program), 0, 0)


def _mount_all(words: list[str]) -> None:
    left = iter(words)
    lower = ""
    for word in left:
        if word in ("--bind", "--ro-bind"):
            source, target = next(left), next(left)
            _bind(source if source.startswith("/proc/") else MACHINE + source, target, fixed=word == "--ro-bind")
        elif word == "--tmpfs":
            with _Point(next(left)) as point:
                _mount("tmpfs", point, "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=0755")
        elif word == "--overlay-src":
            lower = next(left)
        elif word == "--overlay":
            _overlay(lower, next(left), next(left), next(left))
        elif word == "--remount-ro":
            with _Point(next(left)) as point:
                _set(point, _READ_ONLY)
        else:
            raise OSError(0, f"what is '{word}'?")


def _bind(source: str, target: str, *, fixed: bool) -> None:
    """Show a source at a target; it is nowhere to be seen before it has all its flags."""
    tree = _call("syscall", _OPEN_TREE, _HERE, os.fsencode(source), _CLONE | _RECURSIVE)
    try:
        _set(tree, _NO_SETUID | _NO_DEVICES | (_READ_ONLY if fixed else 0), _RECURSIVE)
        with _Point(target, folder=stat.S_ISDIR(os.fstat(tree).st_mode)) as point:
            _call("syscall", _MOVE_MOUNT, tree, b"", point, b"", _FROM_EMPTY | _TO_EMPTY)
    finally:
        os.close(tree)


def _overlay(lower: str, upper: str, work: str, target: str) -> None:
    options = [f"{name}={_escaped(MACHINE + path)}" for name, path in
               (("lowerdir", lower), ("upperdir", upper), ("workdir", work))]  # fmt: skip
    words = ",".join(["userxattr", *options])
    if len(os.fsencode(words)) >= _LONGEST_OPTIONS:  # the kernel takes the beginning of longer ones for all
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), target)
    with _Point(target) as point:
        _mount("overlay", point, "overlay", _NO_SETUID | _NO_DEVICES, words)


def _escaped(path: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\,:" else letter for letter in path)


class _Point:
    """A place to mount at, which is made where it isn't there; never beyond a link, which a job could have left."""

    def __init__(self, path: str, *, folder: bool = True) -> None:
        self._at = os.open("/", os.O_PATH | os.O_DIRECTORY)
        *above, last = path.strip("/").split("/")
        for name in above:
            self._step(name, folder=True)
        self._step(last, folder=folder)

    def _step(self, name: str, *, folder: bool) -> None:
        flags = os.O_PATH | os.O_NOFOLLOW | (os.O_DIRECTORY if folder else 0)
        try:
            found = os.open(name, flags, dir_fd=self._at)
        except FileNotFoundError:
            if folder:
                os.mkdir(name, 0o755, dir_fd=self._at)
            else:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666, dir_fd=self._at))
            found = os.open(name, flags, dir_fd=self._at)
        os.close(self._at)
        self._at = found

    def __enter__(self) -> int:
        return self._at

    def __exit__(self, *_: object) -> None:
        os.close(self._at)


def _set(mount: int, flags: int, below: int = 0) -> None:
    """Set flags of a mount, and with _RECURSIVE of all below it; those that it has stay."""
    attributes = _Attributes(set=flags)
    size = ctypes.sizeof(attributes)
    _call("syscall", _SET_ATTRIBUTES, mount, b"", _EMPTY_PATH | below, ctypes.byref(attributes), size)


def _mount(source: str, target: str | int, kind: str, flags: int, options: str = "") -> None:
    path = f"/proc/self/fd/{target}" if isinstance(target, int) else target
    _call("mount", os.fsencode(source), path.encode(), kind.encode(), flags, os.fsencode(options))


def _call(name: str, *arguments: Any) -> int:
    given = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
    answer: int = getattr(_LIBRARY, name)(*given)
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name)
    return answer


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode("ascii"))
    finally:
        os.close(file)
