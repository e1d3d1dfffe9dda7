"""Whose program is at the other end of a connection within this machine, where the system tells."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

_CONNECTIONS = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _USER = 1, 2, 7
Address = tuple[str, int]


def user_of(peer: Address, own: Address, connections: Path = _CONNECTIONS) -> int | None:
    """Return the user id of the program that has connected from `peer` to `own`; None where the system doesn't tell.

    Linux lists every connection with the user of its socket (proc_net_tcp in its documentation).
    """
    try:
        lines = connections.read_text("ascii").splitlines()[1:]
    except (OSError, ValueError):
        return None
    wanted = (_hex(peer), _hex(own))
    for line in lines:
        fields = line.split()
        if len(fields) > _USER and (fields[_LOCAL], fields[_REMOTE]) == wanted:
            return int(fields[_USER]) if fields[_USER].isdigit() else None
    return None


def is_ours(peer: Address, own: Address) -> bool:
    """Tell whether a connection is of the user who runs this, or of root, who may do all; or can't be told."""
    return user_of(peer, own) in (None, 0, os.getuid())


def _hex(address: Address) -> str:
    """Return an address as the kernel writes it: four bytes in its own order, and the port."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"
