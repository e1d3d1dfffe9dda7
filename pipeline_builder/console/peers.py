"""Whose program is at the other end of a connection within this machine, where the system tells."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Connections of programs that say "127.0.0.1", and of those that say "::ffff:127.0.0.1" and mean the same."""
_LOCAL, _REMOTE, _USER, _INODE = 1, 2, 7, 9
_MAPPED = f"{0:016X}{socket.htonl(0xFFFF):08X}"
GONE = -1
"""Stands for the user of a connection that nobody has any more."""
Address = tuple[str, int]


def user_of(peer: Address, own: Address, tables: Sequence[Path] = _TABLES) -> int | None:
    """Return the user id of the program that has connected from `peer` to `own`; None where the system doesn't tell.

    Linux lists every connection with the user of its socket (proc_net_tcp in its documentation). One that its program
    has closed is listed as root's, without an inode, or not at all: what it has sent is nobody's by then.
    """
    try:
        rows = [line.split() for table in tables if table.is_file() for line in table.read_text("ascii").splitlines()]
    except (OSError, ValueError):
        return None
    here, there = _hex(own), _hex(peer)
    about = [row for row in rows if len(row) > _INODE and here in (row[_LOCAL], _plain(row[_REMOTE]))]
    if not about:
        return None  # it doesn't even list who listens
    theirs = (row for row in about if _plain(row[_LOCAL]) == there and row[_INODE] != "0")
    return next((int(row[_USER]) for row in theirs if row[_USER].isdigit()), GONE)


def is_ours(peer: Address, own: Address) -> bool:
    """Tell whether a connection is of the user who runs this, or of root, who may do all; or can't be told."""
    return user_of(peer, own) in (None, 0, os.getuid())


def _hex(address: Address) -> str:
    """Return an address as the kernel writes it: four bytes in its own order, and the port."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"


def _plain(address: str) -> str:
    """Return an address of the table of IPv6 as that of IPv4 that it stands for."""
    return address.removeprefix(_MAPPED)
