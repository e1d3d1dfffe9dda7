"""Lives of processes: which one this is, and whether another one, of this machine, is over."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A process of a machine; `begun` tells it from a later one with its number, empty where that can't be told.

    A machine is one boot of it, and within it what numbers processes: two containers have processes of one number.
    """

    machine: str
    process: int
    begun: str = ""


def own_life() -> Life:
    """Return the life of this process."""
    return Life(machine=_machine(), process=os.getpid(), begun=_begun(os.getpid()))


def is_over(life: Life) -> bool:
    """Tell whether a process has certainly ended; of another machine's nobody knows."""
    if life.machine != _machine():
        return False
    try:
        os.kill(life.process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return bool(life.begun) and _begun(life.process) not in ("", life.begun)


def _machine() -> str:
    parts = [socket.gethostname(), _text(Path("/proc/sys/kernel/random/boot_id"))]
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - it leads to no file
    return " ".join(part for part in parts if part)


def _begun(process: int) -> str:
    """Return when a process began, in ticks since the machine did, and '' of one that isn't there or is over."""
    # Behind the name, which may have any letters: state is the 3rd field, the time the 22nd.
    fields = _text(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
    return "" if len(fields) < 20 else "over" if fields[0] in ("Z", "X") else fields[19]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
