"""Scripts and tests of a model as processes of their own, without the seconds that Python takes to import their packages.

As `tests/forking.py` does it for commands: a process of the model's Python has imported what they import, and forks for
each. What it forks has its own folder, variables, streams and exit code, and `__main__`; so has what forked tests start.

This file is run by the model's Python, which has nothing of ours: it imports the standard library alone.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn


@contextlib.contextmanager
def forking(python: Path, program: str, environment: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """Yield the socket, in the folder, of a process of this Python that has run the program, and forks for orders."""
    path = folder / "orders"
    command = [str(python), __file__, str(path), program]
    # It ends with its standard input, which goes with these tests however they end.
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield path


def run(
    path: Path, arguments: Sequence[str], *, cwd: str | Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Have what Python would do with these arguments, but for `-c`, done by a fork; return how it ended."""
    order = {"arguments": [str(word) for word in arguments], "cwd": str(cwd), "environment": dict(environment)}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        with socket.socket(socket.AF_UNIX) as orders:
            orders.connect(str(path))
            socket.send_fds(orders, [b"o"], [out.fileno(), err.fileno()])
            orders.sendall(json.dumps(order).encode())
            orders.shutdown(socket.SHUT_WR)
            status = orders.recv(16)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*arguments], os.waitstatus_to_exitcode(int(status)), out.read(), err.read())


# --- in the process that forks


def main(path: str, program: str) -> NoReturn:
    """Import, then fork for each order."""
    del sys.path[0]  # where this file is
    exec(program, {})
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that take orders
    with socket.socket(socket.AF_UNIX) as orders:
        orders.bind(path)
        orders.listen()
        os.write(1, b"ready\n")
        while orders in select.select([orders, sys.stdin], [], [])[0]:
            order, _ = orders.accept()
            if not os.fork():
                orders.close()
                _take(order, path)
            order.close()
    os._exit(0)


def _take(order: socket.socket, path: str) -> NoReturn:
    """Fork once more, and say how that one ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(order, 1, 2)
    with order.makefile("rb") as text:
        wanted = json.loads(text.read())
    child = os.fork()
    if not child:
        order.close()
        _become(wanted, streams, path)
    order.sendall(str(os.waitpid(child, 0)[1]).encode())
    os._exit(0)


def _become(wanted: Mapping[str, Any], streams: Sequence[int], path: str) -> NoReturn:
    for number, stream in enumerate([os.open(os.devnull, os.O_RDONLY), *streams]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    code = 1
    try:
        _execute(wanted["arguments"], path)
        code = 0
    except SystemExit as ended:
        code = _code_of(ended)
    except BaseException:  # noqa: BLE001 - the interpreter says each one so
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does: it waits for threads
        atexit._run_exitfuncs()
        for written in (sys.stdout, sys.stderr):
            written.flush()
        os._exit(code)


def _code_of(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1


def _execute(arguments: list[str], path: str) -> None:
    """Do what Python does with these arguments."""
    sys.dont_write_bytecode = arguments[0] == "-B"
    first, *more = arguments[sys.dont_write_bytecode :]
    if first == "-m":
        _fork_what_starts(path)
        sys.path.insert(0, str(Path.cwd()))
        sys.argv = more
        runpy.run_module(more[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(first).absolute().parent))
        sys.argv = [first, *more]
        runpy.run_path(first, run_name="__main__")


def _fork_what_starts(path: str) -> None:
    """Let this process start scripts in the same way."""
    started = subprocess.run

    def start(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[Any]:
        if command[0] != sys.executable or {*more} != {"cwd", "env", "capture_output", "text"}:
            return started(command, **more)
        return run(Path(path), command[1:], cwd=more["cwd"], environment=more["env"])

    subprocess.run = start  # type: ignore[assignment]


if __name__ == "__main__":
    main(*sys.argv[1:])
