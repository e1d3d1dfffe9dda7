"""Running one job: in a private view of the file system where the system has one, with relocated paths elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import marshal
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pipeline_builder.engine.jobs.calling import PORT, SOCKET, calling_variables, socket_of
from pipeline_builder.engine.jobs.cgroups import Group, bound_processes, job_group, numbers_of
from pipeline_builder.engine.jobs.forkserver import Fork, NotForkedError, forked
from pipeline_builder.engine.jobs.isolation import find_isolation, launcher, open_filter, scratch_folder
from pipeline_builder.engine.jobs.job import Command, Job, JobEnd, JobResult, Used
from pipeline_builder.engine.jobs.limits import render_excess
from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.shims import shims_of
from pipeline_builder.engine.jobs.stopping import AT_ONCE, Ending
from pipeline_builder.engine.jobs.supervisor import Started, Supervisor
from pipeline_builder.engine.jobs.view import CHANGES, HOME, INSIDE, SCRATCH, TMP, environment_folder, launcher_python
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.standard import STANDARD_PATH
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.machine.tree import Tree, survey

_TICK = 50.0
"""Milliseconds between looks at `stop` and the deadline; the end of a job is noticed at once."""

# All that a job sees of the engine's environment: how to reach the network and a package index, so that a script's own
# `pip install` works where the engine's does. Nothing else, so that no key or token gets into a job or its log.
_INHERITED = re.compile(
    r"(?:https?|ftp|all|no)_proxy|(?:HTTPS?|FTP|ALL|NO)_PROXY"
    r"|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL|AWS)_CA_BUNDLE"
    r"|PIP_(?:CERT|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST)"
    r"|PIP_(?:DEFAULT_TIMEOUT|RETRIES|DISABLE_PIP_VERSION_CHECK)"
)
# Threads of OpenMP and OpenBLAS wait for the next piece of work awake, each on a core. Here several jobs share the
# machine, and whoever has work waits for those: asleep they cost a job that is alone microseconds.
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
_CERTIFICATES = re.compile(r"SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL|AWS)_CA_BUNDLE|PIP_CERT")
# An address with a user or password in it is a secret: such a variable stays with the engine.
_USER_INFO = re.compile(r"(//[^/\s@]*@)|(^[^/\s@]+:[^/\s@]+@)")

# `/opt/ml` where a path begins: not after a character that a path goes on from, not before one that makes another name.
_OPT_ML_PATH = re.compile(rf"(?:(?<=file://)|(?<![\w./~\-)}}])){re.escape(OPT_ML)}(?![\w.\-])")


def run_job(
    job: Job, *, stop: threading.Event, private: bool, grace: float = AT_ONCE, alone: bool = False
) -> JobResult:
    """Run the job to its end and return how it ended; nothing of it runs on when this returns or raises.

    `stop` being set, the job's timeout and its interruption send SIGTERM to the job and SIGKILL `grace` seconds later;
    a `Stop` has a grace of its own. With `private` the job sees what `view` gives it, `folder/ml` as /opt/ml; without,
    paths in its command, environment and workdir are rewritten instead. `alone` starts a supervisor for it, also where
    one could be forked as those of other jobs are: what the job finds is the same. stdout and stderr are appended to
    `job.log`; exit code 127 and a line there say that the command wasn't found. Raises OutsideFailure (PB512) where the
    job could not be started at all.
    """
    job = dataclasses.replace(job, folder=job.folder.absolute())
    for folder in (job.ml, job.folder / "tmp", job.folder / "home"):
        folder.mkdir(parents=True, exist_ok=True)
    limits = job.limits.resolved(job.folder)
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(job_group(limits))
        start, spec = (_private if private else _plain)(job, limits, stack)
        start = dataclasses.replace(start, fork=None) if alone else start
        result = _supervise(job, start, {**spec, "limits": limits}, Ending(stop, grace, job), group)
    return dataclasses.replace(result, excess=_excess(job, result, limits))


def run_plain(job: Command, *, stop: threading.Event, grace: float = AT_ONCE) -> JobResult:
    """Run a command that is no job of SageMaker's as it is: its own environment and nothing else, no path changed.

    All the rest is as in `run_job`: nothing of it runs on when this returns or raises, or when this process is killed.
    """
    spec = {"private": False, "command": job.command, "environment": dict(job.environment), "workdir": job.workdir}
    return _supervise(job, _Start(_beside), {**spec, "limits": {}, "folders": []}, Ending(stop, grace, job), Group())


@dataclasses.dataclass(frozen=True, slots=True)
class _Start:
    """How a job's supervisor comes to be: forked, where `fork` says so and that can be done, else by its command.

    `limits` are given where it is in namespaces.
    """

    command: Callable[[int | None], list[str]]
    fork: Fork | None = None
    limits: dict[str, int] | None = None
    network: bool = True

    def bound(self, pid: int, group: Group) -> None:
        """Bound the processes of a job that neither a group nor, because it is root's, a limit of its user bounds."""
        if self.limits is not None and os.geteuid() == 0 and not group.bounds_processes:
            bound_processes(pid, self.limits, [launcher_python(), "-I", "-S", str(INSIDE / "pid_max.py")])


def _supervise(job: Job | Command, start: _Start, spec: dict[str, object], ending: Ending, group: Group) -> JobResult:
    with job.log.open("ab", buffering=0) as log, _supervised(start, log, group) as supervisor:
        content = marshal.dumps(spec)
        supervisor.send(b"%d\n" % len(content) + content)
        return _follow(supervisor, job, ending, group)


def _excess(job: Job, result: JobResult, limits: dict[str, int]) -> str:
    """Return in words which limit ended the job, and keep its log within its own."""
    if result.exit_code == 0 and result.end is JobEnd.EXITED:
        return ""
    kind = result.excess or ("file_size" if _has_full_file(job, limits["file_size"]) else "")
    if job.log.stat().st_size > limits["log"]:
        os.truncate(job.log, limits["log"])
    if not kind:
        return ""
    words = render_excess(kind, limits)
    with job.log.open("ab") as log:
        log.write(f"\n{words}\n".encode())
    return words


def _has_full_file(job: Job, size: int) -> bool:
    """Tell whether one of a failed job's files is as long as one may be: the kernel took no more of it."""
    folders = (job.ml, job.folder / "tmp", job.folder / "home")
    try:
        return any(
            (folder / name).lstat().st_size >= size for folder in folders for name in survey(Tree(root=folder)).files
        )
    except (OSError, InputProblems):  # what it has left can't be walked through
        return False


def job_environment(job: Job, engine: Mapping[str, str], *, private: bool, cut: bool = False) -> dict[str, str]:
    """Return the job's whole environment; `engine` is the engine's own, of which little is taken.

    `cut` says that it has no network but its own.
    """
    inherited = {k: engine[k] for k in engine if _INHERITED.fullmatch(k) and not _USER_INFO.search(engine[k])}
    venv = job.python.parent.parent
    base = {
        "HOME": HOME if private else str(job.folder / "home"), "TMPDIR": TMP if private else str(job.folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "VIRTUAL_ENV": str(venv), **_WAITING,
    }  # fmt: skip
    environment = {**base, **inherited, **calling_variables(job, inherited, cut=cut), **job.environment}
    environment["PATH"] = f"{job.python.parent}:{job.environment.get('PATH') or STANDARD_PATH}"
    # `environments.py` puts libraries there that the machine lacks.
    if any((venv / "lib").glob("lib*.so*")):
        given = job.environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = f"{venv / 'lib'}:{given}" if given else str(venv / "lib")
    return environment


def _certificates(engine: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files and folders of certificates that the job's inherited variables name."""
    named = (engine[name] for name in engine if _CERTIFICATES.fullmatch(name))
    return tuple(Path(value) for value in named if value.startswith("/") and Path(value).exists())


def relocate(text: str, ml: str) -> str:
    """Return the text with every path in it that begins with /opt/ml beginning with `ml` instead."""
    return _OPT_ML_PATH.sub(lambda _: ml, text)


def _private(job: Job, limits: dict[str, int], stack: contextlib.ExitStack) -> tuple[_Start, dict[str, object]]:
    isolation = find_isolation(job.folder)
    job = dataclasses.replace(job, reads=(*job.reads, *_certificates(os.environ)))
    if not isolation.private:
        raise _not_started(job, f"it can't be isolated: {isolation.why}")
    cut = not job.network and isolation.network
    scratch, shims = stack.enter_context(scratch_folder(job.folder, len(job.overlaid))), shims_of(job)
    changes = [SCRATCH] if isolation.overlay and environment_folder(job) else []
    changes += [CHANGES] if job.overlaid else []
    spec: dict[str, object] = {
        "private": True, "folders": [OPT_ML, TMP, HOME, *changes], "command": job.command,
        "environment": job_environment(job, os.environ, private=True, cut=cut), "workdir": job.workdir,
        "forward": (PORT, SOCKET) if socket_of(job, cut=cut) else None,
    }  # fmt: skip

    def command(filtered: int | None) -> list[str]:
        return [*isolation.command(job, scratch, filtered=filtered, shims=shims), *launcher()]

    fork = Fork(isolation=isolation, job=job, scratch=scratch if isolation.overlay else None, shims=shims)
    return _Start(command, fork, limits, job.network), spec


def _plain(job: Job, _: dict[str, int], stack: contextlib.ExitStack) -> tuple[_Start, dict[str, object]]:
    ml = stack.enter_context(_plain_path(job.ml))
    own = job_environment(job, os.environ, private=False)
    environment = {name: relocate(value, ml) for name, value in own.items()}
    spec: dict[str, object] = {
        "private": False, "folders": [str(job.folder)], "command": [relocate(argument, ml) for argument in job.command],
        # AWS's own toolkits look here before /opt/ml.
        "environment": {**environment, "SAGEMAKER_BASE_DIR": ml}, "workdir": relocate(job.workdir, ml),
    }  # fmt: skip
    return _Start(_beside), spec


def _beside(_: int | None) -> list[str]:
    return launcher()


@contextlib.contextmanager
def _plain_path(ml: Path) -> Iterator[str]:
    """Yield a path to `ml` that needs no quoting in a shell or in JSON; that is a link where its own would need it."""
    if re.fullmatch(r"[\w./\-]+", str(ml), re.ASCII):
        yield str(ml)
        return
    with temporary_folder() as folder:
        link = folder / "ml"
        link.symlink_to(ml.absolute())
        yield str(link)


@contextlib.contextmanager
def _supervised(start: _Start, log: IO[bytes], group: Group) -> Iterator[Supervisor]:
    with contextlib.closing(_forked(start, log, group) or _started(start, log, group)) as supervisor:
        yield supervisor


def _forked(start: _Start, log: IO[bytes], group: Group) -> Supervisor | None:
    if start.fork is None:
        return None
    most = numbers_of(start.limits) if start.limits and os.geteuid() == 0 and not group.bounds_processes else 0
    try:
        supervisor = forked(dataclasses.replace(start.fork, most=most), log.fileno())
    except NotForkedError:
        return None
    group.add(supervisor.pid)
    return supervisor


def _started(start: _Start, log: IO[bytes], group: Group) -> Supervisor:
    with contextlib.ExitStack() as stack:
        filtered = stack.enter_context(open_filter(network=start.network)) if start.limits is not None else None
        command, told = start.command(filtered), None
        descriptors = [] if filtered is None else [filtered]
        if start.limits is not None:
            told, tell = os.pipe()
            stack.callback(os.close, tell)
            command = [command[0], "--info-fd", str(tell), *command[1:]]
            descriptors.append(tell)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            cwd="/", env={}, bufsize=0, start_new_session=True, pass_fds=descriptors,
        )  # fmt: skip
    supervisor = Started(process)
    try:
        if pid := process.pid if told is None else _told_pid(told):
            group.add(pid)
            start.bound(pid, group)
    except BaseException:
        supervisor.close()
        raise
    return supervisor


def _told_pid(told: int) -> int:
    """Return the supervisor's process id, while it still waits to hear what to start; 0 where it doesn't."""
    with os.fdopen(told, "rb") as file:
        found = re.search(rb'"child-pid": *(\d+)', file.read())
    return int(found[1]) if found else 0  # bubblewrap has failed, and says so in the log


def _follow(supervisor: Supervisor, job: Job | Command, ending: Ending, group: Group) -> JobResult:
    """Wait for the supervisor's answer and tell it to stop the job when it is time."""
    poll = select.poll()
    poll.register(supervisor, select.POLLIN)
    while not poll.poll(_TICK):
        if order := ending.order():
            supervisor.send(order)
    exit_code, excess, used = _answer(supervisor, job)
    if ending.end is not JobEnd.EXITED or exit_code != 0:
        excess = excess or group.excess()
    return JobResult(end=ending.end, exit_code=exit_code, excess=excess, told=ending.told, used=used)


def _answer(supervisor: Supervisor, job: Job | Command) -> tuple[int, str, Used | None]:
    """Return the exit code, the limit that ended the job, if one did, and what it took of the machine."""
    said = supervisor.said().decode("utf-8", "replace")
    answers = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    if "exit" in answers:
        return int(answers["exit"]), answers.get("limit", ""), _used(answers.get("used", ""))
    if "setup" in answers:
        raise _not_started(job, answers["setup"])
    code = supervisor.status()
    if code < 0:  # somebody killed the supervisor, and the job died with it
        return 128 - code, answers.get("limit", ""), None
    if code == 128 + signal.SIGKILL:  # somebody killed it inside; the kernel for want of memory, mostly
        return code, answers.get("limit", ""), None
    last = " ".join(log_tail(job.log, 1))
    raise _not_started(job, f"its supervisor ended with status {code}" + (f": {last}" if last else ""))


def _used(said: str) -> Used | None:
    cpu, _, memory = said.partition(" ")
    return Used(cpu=float(cpu), memory=int(memory)) if memory else None


def _not_started(job: Job | Command, why: str) -> OutsideFailure:
    message = f"job '{job.name}' could not be started: {why}"
    return OutsideFailure(Problem(id="PB512", message=message, hint=f"the end of '{job.log}' may say more"))
