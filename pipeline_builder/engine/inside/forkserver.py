"""Jobs' supervisors forked, one after another, from a process that has started already and stands in their view.

Started by `jobs.forkserver` as process 1 of bubblewrap's namespaces, with the rights there that mounting needs.
Standard input is a socket; each message on it is a marshalled dictionary, with two descriptors: the job's lifeline,
which is its supervisor's standard input and output, and its log.

    {"mounts": [word, ...], "most": number, "user": (number, number), "filter": bytes}

The supervisor says `+` on the lifeline once it is all alone, and goes on as `launch` says; before, a line `setup <what
failed>`. The end of this socket ends this process, when its children have ended, whose own lifelines end with it.
"""

from __future__ import annotations

import gc
import marshal
import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as sockets
    from typing import Any

    from pipeline_builder.engine.inside import launch, namespaces
    from pipeline_builder.engine.inside.kernel import signals, suppress
    from pipeline_builder.engine.inside.places import READY
else:
    import _socket as sockets  # without the classes of `socket`, which take as long as all the other imports

    import launch
    import namespaces
    from kernel import signals, suppress
    from places import READY

_LONGEST = 1 << 20
_NUMBER = 4
"""Bytes of a descriptor that comes with a message."""


def main() -> int:
    """Fork a supervisor for each message, until there are no more."""
    signals.signal(signals.SIGINT, signals.SIG_IGN)
    gc.disable()  # it would touch, and so copy, what a child shares with this process
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    wake = launch.wake_on_child()
    orders = sockets.socket(fileno=0)
    while True:
        _collect(wake, orders)
        message, descriptors = _receive(orders)
        if not message:
            break
        _fork(own, marshal.loads(message), *descriptors)  # noqa: S302 - written by our own parent process
        for descriptor in descriptors:
            os.close(descriptor)
    orders.close()
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return 0


def _receive(orders: sockets.socket) -> tuple[bytes, list[int]]:
    """Return a message with its descriptors; an empty one at the end."""
    message, given, _, _ = orders.recvmsg(_LONGEST, sockets.CMSG_SPACE(2 * _NUMBER))
    content = b"".join(data for _, kind, data in given if kind == sockets.SCM_RIGHTS)
    return message, [
        int.from_bytes(content[at : at + _NUMBER], sys.byteorder) for at in range(0, len(content), _NUMBER)
    ]


def _collect(wake: int, orders: sockets.socket) -> None:
    """Wait for an order, and meanwhile for children: what they have taken of the processor counts as the engine's."""
    while True:
        ready, _, _ = select.select([orders.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 512)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        if orders.fileno() in ready:
            return


def _fork(own: int, order: dict[str, Any], lifeline: int, log: int) -> None:
    try:
        namespaces.leave_for_processes(own)
        if os.fork() == 0:
            _become_supervisor(order, lifeline, log)
    except OSError as error:
        _tell(lifeline, error)


def _become_supervisor(order: dict[str, Any], lifeline: int, log: int) -> None:
    """Go on as the job's supervisor; nothing of this process stays, and it never returns into it."""
    code = 1
    try:
        signals.set_wakeup_fd(-1)
        for number, descriptor in ((0, lifeline), (1, lifeline), (2, log)):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        if select.select([0], [], [], 0)[0]:  # nothing is said before READY: whoever has asked waits no longer
            os._exit(1)
        os.setsid()
        signals.signal(signals.SIGCHLD, signals.SIG_DFL)
        namespaces.enter(order["mounts"], most=order["most"], user=order["user"], filtered=order["filter"])
        os.write(1, READY)
        code = launch.main()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the engine has to hear of it
        _tell(1, error)
    finally:
        os._exit(code)


def _tell(lifeline: int, error: BaseException) -> None:
    with suppress(OSError):
        os.write(lifeline, f"setup {error}\n".encode("utf-8", "replace"))
