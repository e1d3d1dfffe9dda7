"""Patience: how long a web server's answer may take, however it comes.

A time limit of a socket begins anew with every byte: a server that sends one now and then would keep us for ever.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from typing import Any

SLOWEST = 1000
"""Bytes a second below which a server is given up, as git does it."""
SLOW_FOR = 30.0
SOON = 5.0
"""Seconds that nothing may come for, where little is asked."""


class _Patient(ssl.SSLSocket):
    """A connection whose answers have to come in time; each begins with what is sent."""

    longest = math.inf
    slow_for = SLOW_FOR
    asked = since = math.inf
    came = 0

    def sendall(self, *given: Any, **named: Any) -> None:
        self.asked = self.since = time.monotonic()
        self.came = 0
        super().sendall(*given, **named)

    def recv_into(self, *given: Any, **named: Any) -> int:
        size = super().recv_into(*given, **named)
        now = time.monotonic()
        self.came += size
        if now > self.asked + self.longest:
            raise TimeoutError(f"the answer takes longer than {self.longest:.0f} s")
        if now > self.since + self.slow_for:
            if self.came < SLOWEST * self.slow_for:
                raise TimeoutError(f"less than {SLOWEST} bytes a second come")
            self.since, self.came = now, 0
        return size


def limit_answers(context: ssl.SSLContext, *, longest: float = math.inf, slow_for: float = SLOW_FOR) -> ssl.SSLContext:
    """Let an answer take no longer than so many seconds, and none be slow for so many; return the context."""
    context.sslsocket_class = type("Patient", (_Patient,), {"longest": longest, "slow_for": slow_for})
    return context


def allow(connection: socket.socket, longest: float) -> None:
    """Let the next answer take so many seconds, where the connection has such limits.

    One that may take long may also begin late.
    """
    connection.settimeout(min(SLOW_FOR, max(SOON, longest / 20)))
    if isinstance(connection, _Patient):
        connection.longest = longest
