"""Supervisors forked from one process for many jobs, so that a step starts neither Python nor most of its view anew."""

from __future__ import annotations

import atexit
import contextlib
import functools
import marshal
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.inside.places import MACHINE, READY
from pipeline_builder.engine.jobs.isolation import Isolation, launcher
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.layers import Parts, ground_of, parts_of
from pipeline_builder.engine.jobs.seccomp import make_filter
from pipeline_builder.engine.jobs.supervisor import Forked
from pipeline_builder.engine.jobs.view import INSIDE

_AGE = 60.0
"""Seconds after which a view of the machine is made anew: what has been installed or mounted since is seen then."""
_PATIENCE = 10.0
"""Seconds until a supervisor has to stand; where it doesn't, the job gets one of its own."""
_MOMENT = 0.5
_PEER = struct.Struct("3i")  # ucred of unix(7)
Key = tuple[object, ...]


class NotForkedError(Exception):
    """This machine, or this job, is none for a fork server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What a supervisor is forked for; `most` bounds its process numbers, 0 doesn't."""

    isolation: Isolation
    job: Job
    scratch: Path | None
    shims: Path
    most: int = 0

    def key(self) -> Key:
        """Return what jobs have in common that may have one server."""
        job = self.job
        seen = (job.python, job.hidden, job.reads, job.writes, bool(job.overlaid))
        return (self.isolation, job.folder.parent, self.shims, *seen, ground_of(job))


class ForkServer:
    """One such process in its namespaces, which ends with this one, or with `close` once its jobs have ended."""

    def __init__(self, fork: Fork) -> None:
        self.parts: Parts = parts_of(fork.job, fork.shims, scratch=fork.scratch is not None)
        self.owner = os.getpid()
        self.has_served = False
        self._until = time.monotonic() + _AGE
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(_PATIENCE)
        self._ordering = threading.Lock()  # nothing is sent through a number that is another file's by then
        # As root of that namespace alone, which has the rights of whoever runs this. No `--die-with-parent`, for that
        # would be the thread; it ends because its socket does. The last word is for whoever looks for processes of an
        # execution, and room for a job's command line.
        program = launcher(Path(f"{MACHINE}{os.path.realpath(INSIDE)}"), module="forkserver")
        command = [
            fork.isolation.program, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
            "--new-session", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--as-pid-1", *self.parts.common, "--",
            *program, f"{fork.job.folder.parent}/",
        ]  # fmt: skip
        try:
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env={},
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._orders.close()
            raise NotForkedError(str(error)) from error
        finally:
            theirs.close()

    @property
    def is_fit(self) -> bool:
        """Whether it can be used by this process, and still."""
        return self.owner == os.getpid() and time.monotonic() < self._until and self._process.poll() is None

    def was_killed(self) -> bool:
        """Tell whether it has served and ended since; bubblewrap ends a moment after what it waits for."""
        if self.has_served and self.owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_MOMENT)
            return self._process.returncode is not None
        return False

    def fork(self, mounts: list[str], most: int, log: int) -> Forked:
        """Return the supervisor of a job, which stands in the job's view and waits for what to run."""
        user, filtered = (os.geteuid(), os.getegid()), make_filter(network=True)
        order = marshal.dumps({"mounts": mounts, "most": most, "user": user, "filter": filtered})
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                with self._ordering:
                    socket.send_fds(self._orders, [order], [theirs.fileno(), log])
            supervisor = Forked(ours, _told_pid(ours))
        except BaseException as error:
            ours.close()
            if not isinstance(error, OSError):
                raise
            raise NotForkedError(str(error)) from error
        self.has_served = True
        return supervisor

    def close(self) -> None:
        """Let it end with the last of its jobs."""
        with self._ordering:
            self._orders.close()

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Tell whether it has ended by now, or within so many seconds; somebody may have stopped it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        if self._process.returncode is None and seconds:
            self._wake()
        return self._process.returncode is not None

    def _wake(self) -> None:
        bubblewrap = self._process.pid
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{bubblewrap}/task/{bubblewrap}/children").read_text("ascii")
            for process in (bubblewrap, *map(int, children.split())):
                os.kill(process, signal.SIGCONT)


def _told_pid(lifeline: socket.socket) -> int:
    """Return the supervisor's process id as it is here, once it stands; OSError where it doesn't come to that."""
    lifeline.settimeout(_PATIENCE)
    word, given, _, _ = lifeline.recvmsg(1, socket.CMSG_SPACE(_PEER.size))
    lifeline.settimeout(None)
    found = [int(_PEER.unpack(content)[0]) for _, kind, content in given if kind == socket.SCM_CREDENTIALS]
    if word != READY or not found or not found[0]:
        raise ConnectionAbortedError("no supervisor was forked")
    return found[0]


class _Servers:
    """The servers of this process, one for all jobs with the same key, in folders that somebody ends them for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: list[Path] = []
        self._servers: dict[Key, ForkServer] = {}
        self._unfit: set[Key] = set()
        self._closed: list[ForkServer] = []

    def fork(self, fork: Fork, log: int) -> Forked:
        key = fork.key()
        server = self._server(key, fork)
        mounts = server.parts.own(fork.job, fork.scratch)
        if mounts is None:
            raise NotForkedError("its folders are where only bubblewrap mounts them")
        try:
            return server.fork(mounts, fork.most, log)
        except NotForkedError:
            if server.was_killed():
                return self._server(key, fork).fork(mounts, fork.most, log)
            with self._lock:
                if server.is_fit or not server.has_served:  # another one would do no better
                    self._unfit.add(key)
            raise

    def _server(self, key: Key, fork: Fork) -> ForkServer:
        with self._lock:
            self._sweep()
            if not any(fork.job.folder.is_relative_to(folder) for folder in self._served):
                raise NotForkedError("it would be left, or it is for this job alone")
            if key in self._unfit:
                raise NotForkedError("it was tried before")
            if key not in self._servers:
                self._servers[key] = ForkServer(fork)
            return self._servers[key]

    def _sweep(self) -> None:
        for key, server in list(self._servers.items()):
            if not server.is_fit:
                self._close(key)
        self._closed = [server for server in self._closed if server.owner == os.getpid() and not server.has_ended()]

    def _close(self, key: Key) -> ForkServer:
        server = self._servers.pop(key)
        server.close()
        self._closed.append(server)
        return server

    def begin(self, folder: Path) -> None:
        with self._lock:
            self._served.append(folder)

    def end(self, folder: Path = Path("/"), seconds: float = 1.0) -> None:
        """End the servers for jobs in a folder, or all; those whose jobs go on end with them."""
        with self._lock:
            if folder in self._served:
                self._served.remove(folder)
            ending = [self._close(key) for key in list(self._servers) if _is_in(folder, key)]
            self._unfit = {key for key in self._unfit if not _is_in(folder, key)}
            if folder == Path("/"):
                ending = self._closed
        until = time.monotonic() + seconds
        for server in [server for server in ending if server.owner == os.getpid()]:
            server.has_ended(max(0.001, until - time.monotonic()))


def _is_in(folder: Path, key: Key) -> bool:
    place = key[1]
    return isinstance(place, Path) and place.is_relative_to(folder)


_servers = _Servers()
atexit.register(_servers.end)


@functools.cache
def can_fork() -> bool:
    """Tell whether this Python and this kernel have what waits for a process that isn't a child."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def forked(fork: Fork, log: int) -> Forked:
    """Return the supervisor of a job; NotForkedError where it has to be started by itself."""
    job = fork.job
    if not (can_fork() and fork.isolation.own_proc and job.network and not job.places and make_filter(network=True)):
        raise NotForkedError
    return _servers.fork(fork, log)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Let jobs in this folder be forked, and end the servers for them when the body has ended."""
    folder = folder.absolute()
    _servers.begin(folder)
    try:
        yield
    finally:
        _servers.end(folder)
