"""Commands as processes of their own without the third of a second that Python takes to import the package.

A process that has imported everything waits for orders, and forks for each one. What it forks has its own id, folder,
variables, streams, exit code and death; only its interpreter began earlier. There is one such process for each
`PYTHONPATH`, because what lies there in a `sitecustomize.py` runs before all imports; it ends with the tests.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, NoReturn

from tests.places import ROOT

AWS = ("sagemaker", "s3", "sts", "cloudformation", "codepipeline")
"""Services whose models are read before the first fork: megabytes of JSON."""


class Process:
    """What was forked, with the part of subprocess.Popen that tests need."""

    def __init__(self, pid: int, ends: socket.socket, stdout: IO[str], stderr: IO[str]) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._ends = ends

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        if self.returncode is None:
            self._ends.settimeout(timeout)
            try:
                status = self._ends.recv(16)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired("a forked command", timeout or 0) from None
            self._ends.close()
            self.returncode = os.waitstatus_to_exitcode(int(status))
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read both streams to their ends, and wait."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(_rest_of, stream) for stream in (self.stdout, self.stderr)]
            try:
                out, err = (reader.result(deadline and max(0, deadline - time.monotonic())) for reader in readers)
            except TimeoutError:
                self.kill()
                raise subprocess.TimeoutExpired("a forked command", timeout or 0) from None
        self.stdout.close()
        self.stderr.close()
        self.wait(deadline and max(0, deadline - time.monotonic()))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        self.send_signal(signal.SIGKILL)


def _rest_of(stream: IO[str]) -> str:
    return "" if stream.closed else stream.read()


def fork(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], start_new_session: bool = False
) -> Process:
    """Start a command of the package, or code of a test after `-c`."""
    pipes = [os.pipe() for _ in range(2)]
    try:
        pid, ends = fork_onto([end for _, end in pipes], arguments, cwd, environment, session=start_new_session)
    finally:
        for _, end in pipes:
            os.close(end)
    return Process(pid, ends, *(os.fdopen(end, encoding="utf-8") for end, _ in pipes))


def fork_onto(
    streams: Sequence[int], arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], *, session: bool
) -> tuple[int, socket.socket]:
    """Start a command of the package that writes to these streams; return its id, and what tells how it ends."""
    order = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment), "session": session}
    path = environment.get("PYTHONPATH", str(ROOT))  # without one it is this package as well
    parent = _parent(path, "AWS_ENDPOINT_URL" in environment, "KILL_AFTER" in environment)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        parent.send(order, [*streams, theirs.fileno()])
    finally:
        theirs.close()
    return int(ours.recv(16)), ours


class _Parent:
    def __init__(self, path: str, aws: bool, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forking", str(theirs.fileno()), *(AWS if aws else ())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**environment, "PYTHONPATH": path}, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def send(self, order: Mapping[str, Any], descriptors: list[int]) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        with self._lock:
            self._control.sendmsg([json.dumps(order).encode()], [rights])

    def close(self) -> None:
        self._control.close()
        self._process.wait(30)


@functools.cache
def _parent(path: str, aws: bool, kills: bool) -> _Parent:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return _Parent(path, aws, {**kept, **({"KILL_AFTER": "0"} if kills else {})})


# --- in the process that forks


def main() -> NoReturn:
    """Import everything, then fork for each order until the tests are gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # nothing of what is made here goes away
    _import_everything()
    _make_what_is_made_once()
    if sys.argv[2:] or os.environ["PYTHONPATH"] == str(ROOT):  # elsewhere something may count what is changed
        _rehearse()
    if sys.argv[2:]:
        _read_models(sys.argv[2:])
        _read_templates()
    gc.collect()
    gc.freeze()  # no fork looks through what all have, nor copies its pages for that
    gc.enable()
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(wakes, selectors.EVENT_READ)
    running: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is control:
                _start(control, running)
            else:
                os.read(wakes, 4096)
                _reap(running)


def _start(control: socket.socket, running: dict[int, socket.socket]) -> None:
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 3)
    if not message:
        os._exit(0)
    ends = socket.socket(fileno=descriptors.pop())
    pid = os.fork()
    if not pid:
        _become(json.loads(message), descriptors)
    running[pid] = ends
    for descriptor in descriptors:
        os.close(descriptor)
    ends.send(str(pid).encode())


def _reap(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as ends, contextlib.suppress(BrokenPipeError):
            ends.send(str(status).encode())


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """Be the command, and end as `python -m` ends."""
    code = 70
    try:
        if order["session"]:
            os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams, 1):
            os.dup2(stream, number)
        os.closerange(3, 1024)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
        code = _code_of(list(order["arguments"]))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does: it waits for threads
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _code_of(arguments: list[str]) -> int:
    """Run the command, or with `-c` what follows, as Python does."""
    if arguments[:1] == ["-c"]:
        sys.argv = ["-c", *arguments[2:]]
        try:
            exec(arguments[1], {"__name__": "__main__"})
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - as Python says it of whatever it is
            traceback.print_exc()
            return 1
        return 0
    from pipeline_builder.cli import run

    sys.argv = ["pipeline-builder", *arguments]
    return run(arguments)


def _import_everything() -> None:
    import pipeline_builder

    for module in pkgutil.walk_packages(pipeline_builder.__path__, "pipeline_builder."):
        if ".inside." not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _make_what_is_made_once() -> None:
    """Make what each command makes when it first needs it, a third of what a short `up` takes."""
    from pipeline_builder.definition.shapes.services import load_service
    from pipeline_builder.documents.schema import Section
    from pipeline_builder.machine.code import fingerprint_code
    from pipeline_builder.views.pages import pages

    sections: list[type[Section]] = [Section]
    for section in sections:  # it grows
        sections += section.__subclasses__()
        section.model_rebuild()
    load_service("sagemaker")
    for name in pages().list_templates(filter_func=lambda name: name.startswith(("run/", "report."))):
        pages().get_template(name)
    fingerprint_code()


def _rehearse() -> None:
    """Compose once and try the isolation: tables of rules, patterns and GitPython, a third of what an `up` takes."""
    from pipeline_builder.engine.jobs.isolation import private_mounts_available
    from tests.workspaces import make_workspace

    private_mounts_available()  # on the device that the tests' folders are on
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # what is kept for a next workspace goes too: this process ends without a clean-up
        workspace = make_workspace(Path(folder) / "rehearsed", state=False)
        for command in ("checkout", "validate"):
            workspace.call(command)
    tempfile.tempdir = None


def _read_models(services: Sequence[str]) -> None:
    import botocore.loaders
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
    session = botocore.session.Session()
    for name in services:
        session.create_client(name, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def _read_templates() -> None:
    """Compile the templates of the service and look for timezones, which takes a third of a deploy."""
    from pipeline_builder.layout import TEMPLATES
    from pipeline_builder.service.cloudformation.description.schedules import known_timezones
    from pipeline_builder.service.cloudformation.rendering import rendering

    for path in TEMPLATES.glob("*.yaml.j2"):
        rendering._environment().get_template(path.name)
    known_timezones()


if __name__ == "__main__":
    main()
