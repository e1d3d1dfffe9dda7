"""What passes on a job's calls: also where the job has more connections than the process may have open."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from pipeline_builder.engine.jobs.view import INSIDE
from tests.serve.serving import until

_MAIN = """\
import resource, sys
sys.path.insert(0, sys.argv[1])
import forward
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
forward.forward(forward.listen(int(sys.argv[2])), sys.argv[3])
"""


def echo(listening: socket.socket) -> None:
    while True:
        try:
            one, _ = listening.accept()
        except OSError:  # the test has ended
            return
        threading.Thread(target=answer, args=(one,), daemon=True).start()


def answer(one: socket.socket) -> None:
    with one:
        one.sendall(one.recv(100))


def called(port: int, word: bytes) -> socket.socket | None:
    try:
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return None
    one.sendall(word)
    return one


def test_more_connections_than_it_may_have_wait_for_others_to_end(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)
        threading.Thread(target=echo, args=(listening,), daemon=True).start()
        process = subprocess.Popen([sys.executable, "-I", "-c", _MAIN, str(INSIDE), str(port), str(path)])
        try:
            calls = [until(partial(called, port, b"%d" % number)) for number in range(30)]
            answers = []
            for one in calls:
                answers.append(int(one.recv(100)))
                one.close()
            assert answers == list(range(30))
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
