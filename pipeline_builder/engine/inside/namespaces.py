"""The Linux side of starting a job: namespaces of its own and the mounts in them, through the C library."""

# pathlib would add half to the time that the launcher needs to start.
# ruff: noqa: PTH102, PTH112, PTH114, PTH115, PTH118, PTH123, PTH208, PTH211
from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` would cost as much as all the other imports
if TYPE_CHECKING:
    from collections.abc import Callable

OPT = "/opt"

# From the kernel's headers: sched.h and mount.h.
NEW_USER, NEW_MOUNTS, NEW_PIDS = 0x10000000, 0x00020000, 0x20000000
NO_SUID, NO_DEV, NO_EXEC, BIND, RECURSIVE, PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000


def enter() -> None:
    """Enter new user, mount and process namespaces in which this process keeps its user and group ids.

    The next child is process 1 of the new process namespace. No mount made from here on is seen outside.
    """
    user, group = os.geteuid(), os.getegid()
    finish = _start_mapper() if user == 0 else None
    _call("unshare", NEW_USER | NEW_MOUNTS | NEW_PIDS)
    if not (finish and finish()):
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    mount("none", "/", "", RECURSIVE | PRIVATE)


def mount_proc() -> None:
    """Mount a /proc that shows the new process namespace; for its process 1."""
    mount("proc", "/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)


def _start_mapper() -> Callable[[], bool]:
    """Fork a process that stays outside and maps all ids to themselves, which only root outside may do.

    With its own id alone, root inside could not reach what other users own, such as a checkout mounted in a container.
    """
    read_end, write_end = os.pipe()
    outside = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(_map_all(outside))

    def finish() -> bool:
        os.close(write_end)
        return os.waitpid(pid, 0)[1] == 0

    os.close(read_end)
    return finish


def _map_all(pid: int) -> int:
    try:
        for kind in ("gid_map", "uid_map"):
            with open(f"/proc/self/{kind}", encoding="ascii") as file:
                ranges = [line.split() for line in file]
            _write(f"/proc/{pid}/{kind}", "".join(f"{first} {first} {count}\n" for first, _, count in ranges))
    except OSError:
        return 1
    return 0


def mount_opt(ml: str, tmp: str) -> str:
    """Cover /opt with an empty file system that has all its entries again, and `ml`; return where `tmp` is in it.

    That is /opt/tmp, or "" where /opt has such an entry: a short path, because a socket's may have 107 characters.
    Mount points can't be made in /opt without being root; in a file system of one's own they can.
    """
    old = os.open(OPT, os.O_PATH | os.O_DIRECTORY)
    # Opened first: the job's folder may itself be below /opt.
    new = {"ml": os.open(ml, os.O_PATH), "tmp": os.open(tmp, os.O_PATH)}
    names = os.listdir(OPT)
    if "tmp" in names:
        del new["tmp"]
    mount("tmpfs", OPT, "tmpfs", NO_SUID | NO_DEV, "mode=755")
    for name in names:
        if name not in new:
            _copy_entry(f"/proc/self/fd/{old}/{name}", f"{OPT}/{name}")
    for name, folder in new.items():
        os.mkdir(f"{OPT}/{name}")
        mount(f"/proc/self/fd/{folder}", f"{OPT}/{name}", "", BIND | RECURSIVE)
    return os.path.join(OPT, "tmp") if "tmp" in new else ""


def _copy_entry(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    mount(source, target, "", BIND | RECURSIVE)


def mount_overlay(folder: str, scratch: str) -> None:
    """Let the job change its Python environment without changing it for others: writes go to `scratch`."""
    if not folder:
        return
    # Named through descriptors, because a colon or comma in a path would end the option.
    lower, upper, work = (os.open(path, os.O_PATH) for path in (folder, f"{scratch}/upper", f"{scratch}/work"))
    parts = f"lowerdir=/proc/self/fd/{lower},upperdir=/proc/self/fd/{upper},workdir=/proc/self/fd/{work},userxattr"
    mount("overlay", folder, "overlay", NO_SUID | NO_DEV, parts)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount as mount(2) does; OSError with what and where."""
    encoded = [os.fsencode(text) or None for text in (source, target, kind, data)]
    _call("mount", *encoded[:3], flags, encoded[3], about=f"mount of '{kind or source}' on '{target}'")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process as prctl(2) does."""
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments: object, about: str = "") -> None:
    """Call a function of the C library; OSError where it returns -1."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    if getattr(library, name)(*converted) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about or name)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
