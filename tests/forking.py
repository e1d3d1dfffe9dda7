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
import io
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
"""Services whose models are read before the first fork that asks AWS: megabytes of JSON."""


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


def fork_on(terminal: int, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Process:
    """Start a command of the package on a terminal."""
    ends = fork_onto([terminal] * 3, arguments, cwd, environment, session=False)
    return Process(*ends, io.StringIO(), io.StringIO())


def fork_call(called: str, *given: str, **named: str) -> Process:
    """Start a function of the tests, 'module:function', in a session of its own; nobody hears what it says."""
    with Path(os.devnull).open("r+") as null:
        streams, what = [null.fileno()] * 2, [called, *given]
        ends = fork_onto(streams, what, Path.cwd(), os.environ, session=True, called=named)
    return Process(*ends, io.StringIO(), io.StringIO())


def fork_onto(
    streams: Sequence[int],
    arguments: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    session: bool,
    called: Mapping[str, str] | None = None,
) -> tuple[int, socket.socket]:
    """Start a command of the package that writes to these streams; return its id, and what tells how it ends.

    Of three streams the first is what it reads; otherwise nobody has anything to say to it.
    With `called` it is a function of the tests, the first of the arguments, which gets these by their names.
    """
    order = {
        "arguments": arguments, "cwd": str(cwd), "environment": dict(environment), "session": session,
        "called": called, "aws": "AWS_ENDPOINT_URL" in environment,
    }  # fmt: skip
    parent = _parent(environment.get("PYTHONPATH", str(ROOT)))  # without one it is this package as well
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        parent.send(order, [*streams, theirs.fileno()])
    finally:
        theirs.close()
    return int(ours.recv(16)), ours


class _Parent:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forking", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()],
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
def _parent(path: str) -> _Parent:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    # What kills is there for all that have it on their path; each says for itself when it is killed, if ever.
    return _Parent({**kept, "PYTHONPATH": path, **({"KILL_AFTER": "0"} if path != str(ROOT) else {})})


# --- in the process that forks


def main() -> NoReturn:
    """Import everything, then fork for each order until the tests are gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # nothing of what is made here goes away
    _import_everything()
    _make_what_is_made_once()
    if os.environ["PYTHONPATH"] == str(ROOT):  # elsewhere something may count what is changed
        _rehearse()
    gc.collect()
    gc.freeze()  # no fork looks through what all have, nor copies its pages for that
    gc.enable()
    gc.unfreeze = lambda: None  # what a command that goes on looks through is its own
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
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
    if not message:
        os._exit(0)
    ends = socket.socket(fileno=descriptors.pop())
    order = json.loads(message)
    if order["called"] is not None:
        importlib.import_module(order["arguments"][0].partition(":")[0])  # once for all that call what is in it
    if order["aws"]:
        _make_what_is_made_for_aws()
    pid = os.fork()
    if not pid:
        _become(order, descriptors)
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
        for number, stream in enumerate(streams, 3 - len(streams)):
            os.dup2(stream, number)
        os.closerange(3, 1024)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
        sys.stdout = os.fdopen(1, "w", 1 if os.isatty(1) else -1, encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
        code = _run(order["arguments"], order["called"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as at the end of a Python of its own
        code = 1
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does: it waits for threads
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _run(arguments: Sequence[str], named: Mapping[str, str] | None) -> int:
    if named is not None:
        module, _, function = arguments[0].partition(":")
        getattr(importlib.import_module(module), function)(*arguments[1:], **named)
        return 0
    if arguments[:1] == ["-c"]:
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
        return 0
    from pipeline_builder.cli import run

    sys.argv = ["pipeline-builder", *arguments]
    return run(list(arguments))


def _import_everything() -> None:
    import pipeline_builder

    for module in pkgutil.walk_packages(pipeline_builder.__path__, "pipeline_builder."):
        if ".inside." not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _make_what_is_made_once() -> None:
    """Make what each command makes when it first needs it, a third of what a short `up` takes."""
    from pydantic import BaseModel

    from pipeline_builder.definition.shapes.services import load_service
    from pipeline_builder.machine.code import fingerprint_code
    from pipeline_builder.scaffold import skeleton
    from pipeline_builder.views.pages import pages

    models: list[type[BaseModel]] = [BaseModel]
    for model in models:  # it grows
        models += model.__subclasses__()
        if model.__module__.startswith("pipeline_builder."):
            model.model_rebuild()
    load_service("sagemaker")
    skeleton._schema()
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


@functools.cache
def _make_what_is_made_for_aws() -> None:
    if os.environ["PYTHONPATH"] != str(ROOT):
        _rehearse()
    _read_models()
    _read_templates()
    gc.collect()
    gc.freeze()


def _read_models() -> None:
    import encodings.idna  # noqa: F401 - for each address

    import boto3.s3.transfer
    import boto3.session
    import pytest

    from tests.clients import share

    share(pytest.MonkeyPatch())  # never undone
    session = boto3.session.Session(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    for name in AWS:
        model = session.client(name).meta.service_model
        _ = (model.error_shapes, model.endpoint_discovery_operation)
    # Who first asks for pages has it look into the folders of all services that there are.
    session._session.get_component("data_loader").list_available_services("paginators-1")


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
