"""The process that watches over one job, as the engine reaches it, whether it was started or forked."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from typing import IO, Protocol, cast

from pipeline_builder.engine.jobs.orphans import wait_with_child

_PART = 65536


class Supervisor(Protocol):
    """`fileno` is of what becomes readable once it has something to say."""

    def fileno(self) -> int: ...

    def send(self, data: bytes) -> None:
        """Tell it something; one that is gone shows that by how it has ended."""

    def said(self) -> bytes:
        """Return all that it has said, at its end."""

    def status(self) -> int:
        """Wait for its end, and return the exit code, or minus the signal that has ended it."""

    def close(self) -> None:
        """Let it end whatever is left of the job, and wait until all of it has ended."""


class Started:
    """A supervisor that was started as a program of its own, or by bubblewrap."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._orders = cast("IO[bytes]", process.stdin)
        self._answers = cast("IO[bytes]", process.stdout)

    def fileno(self) -> int:
        return self._answers.fileno()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[self._orders.write(data) :]

    def said(self) -> bytes:
        return self._answers.read()

    def status(self) -> int:
        return self._process.wait()

    def close(self) -> None:
        self._orders.close()  # the end of the lifeline
        wait_with_child(self._process)
        self._answers.close()


class Forked:
    """A supervisor that was forked by a `ForkServer`; `lifeline` is a socket for both directions.

    OSError where it is gone already: the number may be another process's then.
    """

    def __init__(self, lifeline: socket.socket, pid: int) -> None:
        self._lifeline = lifeline
        self._process = os.pidfd_open(pid)
        self.pid = pid
        poll = select.poll()
        poll.register(lifeline, select.POLLIN)
        if poll.poll(0):  # it has nothing to say yet, so that is the end of the lifeline
            os.close(self._process)
            raise ConnectionResetError(f"process {pid} is gone")

    def fileno(self) -> int:
        return self._lifeline.fileno()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._lifeline.sendall(data)

    def said(self) -> bytes:
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while part := self._lifeline.recv(_PART):
                parts.append(part)
        return b"".join(parts)

    def status(self) -> int:
        """Wait for its end; one that has said nothing before was killed."""
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        poll.poll()
        return -signal.SIGKILL

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_WR)  # the end of the lifeline
        self.status()  # as process 1 of its namespace it ends after all others of it
        os.close(self._process)
        self._lifeline.close()
