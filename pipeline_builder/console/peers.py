"""Whose program is at the other end of a connection within this machine, where the system tells."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from itertools import product
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Connections of programs that say "127.0.0.1", and of those that say "::ffff:127.0.0.1" and mean the same."""
_USER, _INODE = 7, 9
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
        texts = [table.read_text("ascii") for table in tables if table.is_file()]
    except (OSError, ValueError):
        return None
    here, there = _hex(own), _hex(peer)
    if not any(here in text for text in texts):
        return None  # it doesn't even list who listens
    # There may be very many: they are searched, and not read line by line.
    for text, prefix in product(texts, ("", _MAPPED)):
        if (begin := text.find(f" {prefix}{there} {prefix}{here} ")) >= 0:
            row = text[text.rfind("\n", 0, begin) + 1 :].partition("\n")[0].split()
            if len(row) > _INODE and row[_USER].isdigit() and row[_INODE] != "0":
                return int(row[_USER])
    return GONE


def is_ours(peer: Address, own: Address) -> bool:
    """Tell whether a connection is of the user who runs this, or of root, who may do all; or can't be told."""
    return user_of(peer, own) in (None, 0, os.getuid())


def _hex(address: Address) -> str:
    """Return an address as the kernel writes it: four bytes in its own order, and the port."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"
