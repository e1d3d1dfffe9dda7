"""A `pipeline-builder` on the path that begins as quickly as a fork, for what a shell runs word for word.

It hands its arguments, folder, variables and streams to the process that forks commands for tests (`forking.py`), and
ends as the command does. What signals or a terminal decide needs the program itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forking import fork_onto

_MOST = 1 << 18
_CLIENT = """\
#!{python} -IS
import array, os, sys, _socket
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect(os.path.join(os.path.dirname(__file__), "socket"))
told = [*sys.argv[1:], "", os.getcwd(), *(name + "=" + value for name, value in os.environ.items())]
rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [1, 2]))
server.sendmsg([bytes(str(len(sys.argv) - 1), "ascii") + b"\\0" + os.fsencode("\\0".join(told))], [rights])
code = int(server.recv(16))
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def offered(folder: Path) -> Iterator[Path]:
    """Give a folder for the path, which is made, with such a program in it; it works until the end of the block."""
    folder.mkdir()
    program = folder / "pipeline-builder"
    program.write_text(_CLIENT.format(python=sys.executable))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(folder / "socket"))
        server.listen()
        thread = threading.Thread(target=_serve, args=(server,), name="offered", daemon=True)
        thread.start()
        try:
            yield folder
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(30)


def _serve(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # shut down
            return
        threading.Thread(target=_answer, args=(client,), name="offered", daemon=True).start()


def _answer(client: socket.socket) -> None:
    with client, contextlib.ExitStack() as stack:
        message, streams, _, _ = socket.recv_fds(client, _MOST, 2)
        for stream in streams:
            stack.callback(os.close, stream)
        count, *told = os.fsdecode(message).split("\0")
        arguments, (_, cwd, *variables) = told[: int(count)], told[int(count) :]
        environment = dict(one.split("=", 1) for one in variables)
        _, ends = fork_onto(streams, arguments, Path(cwd), environment, session=False)
        with ends:
            client.send(str(os.waitstatus_to_exitcode(int(ends.recv(16)))).encode())
