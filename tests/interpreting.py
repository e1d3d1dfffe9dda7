"""What scripts take for Python, whose commands of the package are forks: see `forking.py`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forking import fork_onto

# Says what is to be done, passes signals on and ends as the fork has ended; anything else is Python's own.
_PROGRAM = """\
import array, json, os, signal, socket, sys
python, address, *words = sys.argv[1:]
if words and words[0] == "-I":
    words = words[1:]
if words[:2] != ["-m", "pipeline_builder"]:
    os.execv(python, [python, *sys.argv[3:]])
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect(address)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: line.send(str(number).encode()))
order = {"arguments": words[2:], "cwd": os.getcwd(), "environment": dict(os.environ)}
streams = array.array("i", [1, 2])
line.sendmsg([json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
code = os.waitstatus_to_exitcode(int(line.recv(16)))
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""
_SCRIPT = '#!/bin/sh\nexec {python} -I -S {program} {python} {address} "$@"\n'


@contextmanager
def quick_python(folder: Path) -> Iterator[Path]:
    """Yield a program in the folder that does what Python does; its commands end where it is killed, or this does."""
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address := f"{short}/forks")
        listening.listen()
        threading.Thread(target=_listen, args=(listening,), daemon=True).start()
        (folder / "quick.py").write_text(_PROGRAM)
        words = {"python": sys.executable, "program": str(folder / "quick.py"), "address": address}
        script = folder / "quick-python"
        script.write_text(_SCRIPT.format(**{name: shlex.quote(word) for name, word in words.items()}))
        script.chmod(0o755)
        try:
            yield script
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _listen(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is over
        while True:
            line, _ = listening.accept()
            threading.Thread(target=_serve, args=(line,), daemon=True).start()


def _serve(line: socket.socket) -> None:
    """Fork what is asked for, and see to it until it has ended."""
    with line:
        message, streams, _, _ = socket.recv_fds(line, 1 << 20, 2)
        order = json.loads(message)
        try:
            pid, ends = fork_onto(streams, order["arguments"], Path(order["cwd"]), order["environment"], session=False)
        finally:
            for stream in streams:
                os.close(stream)
        with ends:
            number = 0
            while number != signal.SIGKILL and ends not in select.select([line, ends], [], [])[0]:
                number = int(line.recv(16) or signal.SIGKILL)
                _signal(pid, number)
            with contextlib.suppress(BrokenPipeError):
                line.send(ends.recv(16))


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)
