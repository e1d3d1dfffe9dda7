"""Running one job: in a private view of the file system where the system has one, with relocated paths elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import marshal
import os
import re
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from pipeline_builder.engine.jobs.job import OPT_ML, Command, Job, JobEnd, JobResult
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.folders import sweep_folder

_LAUNCHER_FOLDER = Path(__file__).parent.parent / "inside"
# Imported, not run by its path, so that Python keeps it compiled: a tenth of what starting a job takes.
_LAUNCH = "import sys; sys.path.insert(0, sys.argv[1]); import launch; sys.exit(launch.main())"
_STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TICK = 0.05
"""Seconds between looks at `stop` and the deadline; the end of a job is noticed at once."""

# All that a job sees of the engine's environment: how to reach the network and a package index, so that a script's own
# `pip install` works where the engine's does. Nothing else, so that no key or token gets into a job or its log.
_INHERITED = re.compile(
    r"(?:https?|ftp|all|no)_proxy|(?:HTTPS?|FTP|ALL|NO)_PROXY"
    r"|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL|AWS)_CA_BUNDLE"
    r"|PIP_(?:CERT|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST)"
    r"|PIP_(?:DEFAULT_TIMEOUT|RETRIES|DISABLE_PIP_VERSION_CHECK)"
)
# An address with a user or password in it is a secret: such a variable stays with the engine.
_USER_INFO = re.compile(r"(//[^/\s@]*@)|(^[^/\s@]+:[^/\s@]+@)")

# `/opt/ml` where a path begins: not after a character that a path goes on from, not before one that makes another name.
_OPT_ML_PATH = re.compile(rf"(?:(?<=file://)|(?<![\w./~\-)}}])){re.escape(OPT_ML)}(?![\w.\-])")


@functools.lru_cache(maxsize=1)
def private_mounts_available() -> bool:
    """Return whether this system lets us give a job its own /opt/ml; found out once, by doing it."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="pipeline-builder-") as folder:
        job = Job(
            name="probe", folder=Path(folder), command=("sh", "-c", f"test -f {OPT_ML}/probe"), environment={},
            python=Path(sys.executable), workdir="/", timeout=10,
        )  # fmt: skip
        job.ml.mkdir()
        (job.ml / "probe").touch()
        try:
            result = run_job(job, stop=threading.Event(), private=True)
        except OutsideFailure:
            return False
    return result.end is JobEnd.EXITED and result.exit_code == 0


def run_job(job: Job, *, stop: threading.Event, private: bool, grace: float = 5.0) -> JobResult:
    """Run the job to its end and return how it ended; nothing of it runs on when this returns or raises.

    `stop` being set, and the job's timeout, send SIGTERM to the job and SIGKILL `grace` seconds later. With `private`
    the job sees `folder/ml` as /opt/ml; without, paths in its command, environment and workdir are rewritten instead.
    stdout and stderr are appended to `job.log`; exit code 127 and a line there say that the command wasn't found.
    Raises OutsideFailure (PB512) where the job could not be started at all.
    """
    job = dataclasses.replace(job, folder=job.folder.absolute())
    for folder in (job.ml, job.folder / "tmp", job.folder / "home"):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        spec = _private_spec(job, stack) if private else _plain_spec(job, stack)
        return _supervise(job, {**spec, "grace": grace}, stop)


def run_plain(job: Command, *, stop: threading.Event, grace: float = 5.0) -> JobResult:
    """Run a command that is no job of SageMaker's as it is: its own environment and nothing else, no path changed.

    All the rest is as in `run_job`: nothing of it runs on when this returns or raises, or when this process is killed.
    """
    spec = {"private": False, "command": job.command, "environment": dict(job.environment), "workdir": job.workdir}
    return _supervise(job, {**spec, "grace": grace}, stop)


def _supervise(job: Job | Command, spec: dict[str, object], stop: threading.Event) -> JobResult:
    with job.log.open("ab", buffering=0) as log, _launched(log) as process:
        content = marshal.dumps(spec)
        _send(process, b"%d\n" % len(content) + content)
        return _follow(process, job, stop)


def job_environment(job: Job, engine: Mapping[str, str]) -> dict[str, str]:
    """Return the job's whole environment; `engine` is the engine's own, of which little is taken."""
    inherited = {k: v for k, v in engine.items() if _INHERITED.fullmatch(k) and not _USER_INFO.search(v)}
    venv = job.python.parent.parent
    base = {
        "HOME": str(job.folder / "home"), "TMPDIR": str(job.folder / "tmp"), "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "VIRTUAL_ENV": str(venv),
    }  # fmt: skip
    environment = {**base, **inherited, **job.environment}
    environment["PATH"] = f"{job.python.parent}:{job.environment.get('PATH') or _STANDARD_PATH}"
    # `environments.py` puts libraries there that the machine lacks.
    if any((venv / "lib").glob("lib*.so*")):
        given = job.environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = f"{venv / 'lib'}:{given}" if given else str(venv / "lib")
    return environment


def relocate(text: str, ml: str) -> str:
    """Return the text with every path in it that begins with /opt/ml beginning with `ml` instead."""
    return _OPT_ML_PATH.sub(lambda _: ml, text)


def _private_spec(job: Job, stack: contextlib.ExitStack) -> dict[str, object]:
    venv = job.python.parent.parent
    scratch = stack.enter_context(_scratch(job.folder))
    return {
        "private": True, "ml": str(job.ml), "tmp": str(job.folder / "tmp"), "scratch": str(scratch),
        "environment_folder": str(venv) if (venv / "pyvenv.cfg").is_file() else "",
        "command": job.command, "environment": job_environment(job, os.environ), "workdir": job.workdir,
    }  # fmt: skip


def _plain_spec(job: Job, stack: contextlib.ExitStack) -> dict[str, object]:
    ml = stack.enter_context(_plain_path(job.ml))
    environment = {name: relocate(value, ml) for name, value in job_environment(job, os.environ).items()}
    return {
        "private": False, "command": [relocate(argument, ml) for argument in job.command],
        # AWS's own toolkits look here before /opt/ml.
        "environment": {**environment, "SAGEMAKER_BASE_DIR": ml}, "workdir": relocate(job.workdir, ml),
    }  # fmt: skip


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield a folder for the job's changes to its Python environment; they are gone afterwards, as on AWS."""
    scratch = folder / "environment"
    for part in ("upper", "work"):
        (scratch / part).mkdir(parents=True, exist_ok=True)
    try:
        yield scratch
    finally:
        # The kernel leaves an empty folder without any permission in there.
        for path in (scratch / "work").glob("*"):
            path.chmod(0o700)
        sweep_folder(scratch)


@contextlib.contextmanager
def _plain_path(ml: Path) -> Iterator[str]:
    """Yield a path to `ml` that needs no quoting in a shell or in JSON; that is a link where its own would need it."""
    if re.fullmatch(r"[\w./\-]+", str(ml), re.ASCII):
        yield str(ml)
        return
    with tempfile.TemporaryDirectory(prefix="pipeline-builder-") as folder:
        link = Path(folder) / "ml"
        link.symlink_to(ml.absolute())
        yield str(link)


@contextlib.contextmanager
def _launched(log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, str(_LAUNCHER_FOLDER)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        cwd="/", env={}, bufsize=0, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        # The end of the lifeline makes the supervisor kill whatever is left, also after an exception here.
        cast("IO[bytes]", process.stdin).close()
        process.wait()
        cast("IO[bytes]", process.stdout).close()


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    pipe = cast("IO[bytes]", process.stdin)
    with contextlib.suppress(BrokenPipeError):  # the supervisor is gone: its status tells
        while data:
            data = data[pipe.write(data) :]


def _follow(process: subprocess.Popen[bytes], job: Job | Command, stop: threading.Event) -> JobResult:
    """Wait for the supervisor's answer and tell it to stop the job when it is time."""
    deadline = time.monotonic() + job.timeout
    end = JobEnd.EXITED
    with selectors.DefaultSelector() as selector:
        selector.register(cast("IO[bytes]", process.stdout), selectors.EVENT_READ)
        while not selector.select(_TICK):
            if end is JobEnd.EXITED and (stop.is_set() or time.monotonic() >= deadline):
                end = JobEnd.STOPPED if stop.is_set() else JobEnd.TIMED_OUT
                _send(process, b"stop\n")
    return JobResult(end=end, exit_code=_answer(process, job))


def _answer(process: subprocess.Popen[bytes], job: Job | Command) -> int:
    kind, _, rest = cast("IO[bytes]", process.stdout).read().decode("utf-8", "replace").strip().partition(" ")
    if kind == "exit":
        return int(rest)
    if kind == "setup":
        raise _not_started(job, rest)
    code = process.wait()
    if code < 0:  # somebody killed the supervisor, and the job died with it
        return 128 - code
    raise _not_started(job, f"its supervisor ended with status {code}")


def _not_started(job: Job | Command, why: str) -> OutsideFailure:
    message = f"job '{job.name}' could not be started: {why}"
    return OutsideFailure(Problem(id="PB512", message=message, hint=f"the end of '{job.log}' may say more"))
