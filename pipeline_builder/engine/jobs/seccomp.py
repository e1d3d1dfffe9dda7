"""The system calls that a job doesn't get: a filter for the kernel, as the bytes that bubblewrap takes."""

from __future__ import annotations

import errno
import functools
import platform
import struct
from collections.abc import Iterable

# Of linux/audit.h; and each call's number on the two machines that AWS's images are for.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# Keys, mounts and namespaces, other programs' insides, and what only changes a machine. Those of x86_64 alone have -1.
_REFUSED = {
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "open_by_handle_at": (304, 265), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "fanotify_init": (300, 262), "syslog": (103, 116),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "iopl": (172, -1), "ioperm": (173, -1),
    "uselib": (134, -1), "vhangup": (153, 58), "settimeofday": (164, 170), "clock_settime": (227, 112),
}  # fmt: skip
# These answer that the kernel hasn't got them, so that programs take the older way: clone3 because a filter can't see
# into its arguments (glibc then uses clone), io_uring because it would do what a filter refuses.
_UNKNOWN = {
    "clone3": (435, 435), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
_CLONE, _UNSHARE, _IOCTL, _SOCKET = (56, 220), (272, 97), (16, 29), (41, 198)
_NEW_NAMESPACES = 0x7E020000
_NEW_TIME = 0x80
_TYPE_INTO_TERMINAL, _TERMINAL_OF_LINUX = 0x5412, 0x541C
_LOCAL, _INTERNET, _INTERNET_6, _NETLINK, _MACHINE = 1, 2, 10, 16, 40

# Classic BPF, of linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000
Code = list[tuple[int, int, int, int]]


@functools.cache
def make_filter(*, network: bool, machine: str = platform.machine()) -> bytes:
    """Return the filter for a job with or without a network, b"" for a machine whose calls aren't known here.

    What only a capability allows is refused twice, by this and because a job has none: bugs in the kernel are more
    likely there. Without a network the kinds of sockets that no network namespace holds back are refused too.
    """
    if machine not in _MACHINES:
        return b""
    identity, column = _MACHINES[machine]
    code: Code = [(_LOAD, 0, 0, _MACHINE_AT), (_EQUAL, 1, 0, identity), _fail(errno.ENOSYS), (_LOAD, 0, 0, _NUMBER_AT)]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), _fail(errno.ENOSYS)]
    code += _refuse((numbers[column] for numbers in _REFUSED.values()), errno.EPERM)
    code += _refuse((numbers[column] for numbers in _UNKNOWN.values()), errno.ENOSYS)
    code += _when(_CLONE[column], 0, [(_ANY_BIT, 0, 1, _NEW_NAMESPACES), _fail(errno.EPERM)])
    code += _when(_UNSHARE[column], 0, [(_ANY_BIT, 0, 1, _NEW_NAMESPACES | _NEW_TIME), _fail(errno.EPERM)])
    typing = [(_EQUAL, 1, 0, _TYPE_INTO_TERMINAL), (_EQUAL, 0, 1, _TERMINAL_OF_LINUX), _fail(errno.EPERM)]
    code += _when(_IOCTL[column], 1, typing)
    code += _when(_SOCKET[column], 0, _sockets(network=network))
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in code)


def _sockets(*, network: bool) -> Code:
    if network:  # those to the machine around a virtual one know no namespaces
        return [(_EQUAL, 0, 1, _MACHINE), _fail(errno.EAFNOSUPPORT)]
    families = (_LOCAL, _INTERNET, _INTERNET_6, _NETLINK)
    known: Code = [(_EQUAL, len(families) - place, 0, family) for place, family in enumerate(families)]
    return [*known, _fail(errno.EAFNOSUPPORT)]


def _refuse(numbers: Iterable[int], error: int) -> Code:
    return [line for number in numbers if number >= 0 for line in ((_EQUAL, 0, 1, number), _fail(error))]


def _when(number: int, argument: int, check: Code) -> Code:
    """Return lines that look at the low half of one argument of one call, and allow what the check lets through."""
    body: Code = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument), *check, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _fail(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _FAIL | error)
