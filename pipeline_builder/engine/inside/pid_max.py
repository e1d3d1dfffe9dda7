"""Bounds the processes of a namespace from outside of it, where control groups can't and the job runs as root.

Run as `python -I -S pid_max.py PID NUMBER` for a kernel that has `kernel.pid_max` for each process namespace (6.14): on
an older one it would be the whole machine's.
"""

from __future__ import annotations

import ctypes
import os
import sys

KINDS = ("user", "pid")


def main(pid: str, number: str) -> int:
    """Set the bound in the namespaces of the process; return 0 where that worked."""
    library = ctypes.CDLL(None, use_errno=True)
    entered = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in KINDS]
    if any(library.setns(descriptor, 0) for descriptor in entered):
        return 1
    child = os.fork()  # only a child is in the other process namespace
    if child == 0:
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:  # noqa: PTH123 - as in `launch`
            file.write(number)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
