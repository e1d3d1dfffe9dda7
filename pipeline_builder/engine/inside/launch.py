"""The supervisor of one job: starts it, keeps it within its limits, and leaves nothing of it running.

Started by `sandbox.run_job` with `python -I -S`: inside of the job's namespaces, as their process 1, or beside the job
where there are none. Standard input is the lifeline: first a line with a number of bytes and that many bytes of
marshalled dictionary (below), then a line `stop <seconds>` where the job is to end, which it then has so long for;
another such line may leave it less. Its end of file means that the engine is gone.
Standard error is the job's log. Standard output carries a line `limit <name>` where a limit ended the job, a line
`used <seconds of CPU> <bytes of its largest process>`, and last `exit <code>`, or `setup <what failed>` where the job
could not be started.

    {"private": bool, "limits": {name: number}, "folders": [path, ...],
     "command": [...], "environment": {...}, "workdir": path, "forward": (port, path of a socket)}

`forward`, where it is, is what a job without a network can reach: its port leads to the socket.

Marshal and not JSON, because `json` would add a third to the time that this program needs to start, and both ends are
the same interpreter.
"""

# pathlib would add half to the time that this program needs to start.
# ruff: noqa: PTH103, PTH123, PTH208
from __future__ import annotations

import marshal
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False  # `typing` would cost as much as all the other imports
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from pipeline_builder.engine.inside import title, usage
    from pipeline_builder.engine.inside.kernel import (
        SET_DEATH_SIGNAL,
        SET_DUMPABLE,
        SET_SUBREAPER,
        prctl,
        signals,
        suppress,
    )

    Spec = dict[str, Any]
else:
    import title  # the files beside this one; the package would bring all its imports
    import usage
    from kernel import SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SUBREAPER, prctl, signals, suppress

LINUX = sys.platform == "linux"
NOT_FOUND, NOT_RUNNABLE = 127, 126
FIRST_VICTIM = 500
"""How much sooner than others a job is ended when memory is short, of 1000."""


def main() -> int:
    """Run the job that the lifeline describes; return 0 unless the job could not be started."""
    signals.signal(signals.SIGINT, signals.SIG_IGN)  # a job may send it to process 1
    spec, said = _read_spec()
    wake = wake_on_child()
    try:
        if LINUX:
            if spec["private"]:
                with suppress(OSError, ValueError, IndexError):
                    title.show(spec["command"])
            # Neither watched nor changed by the job, which has the same user.
            prctl(*((SET_DUMPABLE, 0) if spec["private"] else (SET_SUBREAPER, 1)))
        if spec.get("forward"):
            _start_forward(*spec["forward"])
        child = _start_job(spec)
    except OSError as error:
        _say(f"setup {error.strerror or error}: {error.filename or ''}")
        return 1
    code = _supervise(child, wake, spec, said)
    _say(_used())
    _say(f"exit {code}")
    return 0


def _used() -> str:
    """Return what all processes of the job have taken that have ended, and been waited for."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    largest = taken.ru_maxrss * (1024 if LINUX else 1)  # kilobytes, elsewhere bytes
    return f"used {taken.ru_utime + taken.ru_stime:.3f} {largest}"


def _read_spec() -> tuple[Spec, bytes]:
    """Return the dictionary at the beginning of the lifeline, and what else has come already."""
    data = b""
    while b"\n" not in data or len(data) < data.index(b"\n") + 1 + int(data.partition(b"\n")[0]):
        part = os.read(0, 65536)
        if not part:
            os._exit(1)  # the engine died before it had said what to do
        data += part
    size, _, rest = data.partition(b"\n")
    return marshal.loads(rest[: int(size)]), rest[int(size) :]  # noqa: S302 - written by our own parent process


def _say(text: str) -> None:
    with suppress(OSError):  # the engine is gone; nobody is left to tell
        os.write(1, text.encode("utf-8", "replace") + b"\n")


def wake_on_child() -> int:
    """Return a descriptor that becomes readable whenever a child ends."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signals.signal(signals.SIGCHLD, lambda *_: None)
    signals.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    return read_end


# --- watching over the child ---------------------------------------------------------------------------------------


def _supervise(child: int, wake: int, spec: Spec, said: bytes) -> int:
    """Wait for the child, obey the lifeline and the limits, kill what is left; return the exit code."""
    kill = _kill_all if spec["private"] else _kill_tree
    watch = usage.Watch(spec["limits"], spec["folders"], private=spec["private"]) if spec["limits"] else None
    code: int | None = None
    deadline: float | None = None
    while (code := _reap(child, code)) is None or (deadline and _group_alive(child)):
        message, said = said or _wait(wake, deadline, watched=bool(watch)), b""
        excess = watch.excess() if watch else ""
        if message == b"" or excess or (deadline and time.monotonic() >= deadline):
            code = _end(kill, child, code, excess)
            break
        if message:
            deadline = _told_to_end(child, message, deadline)
    kill(child)
    return 128 + signals.SIGKILL if code is None else code


def _told_to_end(child: int, message: bytes, deadline: float | None) -> float:
    """Tell the job that it is to end, once, and return when it has to have done so."""
    if not deadline:
        with suppress(ProcessLookupError):
            os.killpg(child, signals.SIGTERM)
    until = time.monotonic() + float(message.split()[-1])
    return min(until, deadline or until)


def _end(kill: Callable[[int], int | None], child: int, code: int | None, excess: str) -> int | None:
    if excess:
        _say(f"limit {excess}")
    ended = kill(child)
    return _reap(child, code, block=True) if ended is None else ended


def _reap(child: int, code: int | None, *, block: bool = False) -> int | None:
    """Collect ended children; return the exit code of `child` once it is known."""
    while True:
        sleep = block and code is None
        try:
            pid, status = os.waitpid(child if sleep else -1, 0 if sleep else os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = _exit_code(status)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _wait(wake: int, deadline: float | None, *, watched: bool) -> bytes | None:
    """Sleep until something happens; return what the lifeline said, b"" for its end, None for nothing."""
    # While a job that was told to stop still has processes, nothing wakes us when the last of them ends.
    pause = 0.02 if deadline else usage.LOG_PERIOD if watched else None
    ready, _, _ = select.select([0, wake], [], [], pause)
    if wake in ready:
        os.read(wake, 512)
    return os.read(0, 512) if 0 in ready else None


def _group_alive(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # macOS says this of a group of zombies, Linux of one that changed its user
    return LINUX


def _kill_all(child: int) -> int | None:
    """Kill every other process of the job's namespace, whose process 1 this is; return the child's exit code."""
    code = None
    while True:
        with suppress(ProcessLookupError):
            os.kill(-1, signals.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return code
        if pid == child:
            code = _exit_code(status)


def _kill_tree(child: int) -> int | None:
    """Kill the job's process group and, on Linux, also those of its processes that left the group.

    Returns the child's exit code where it was collected here. That no child is found by looking proves nothing: one may
    have handed on to another while we looked. All are gone when the kernel knows of none.
    """
    code = None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signals.SIGKILL)
    while LINUX:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == child:
            code = _exit_code(status)
        elif pid == 0:
            for orphan in _children():
                os.kill(orphan, signals.SIGKILL)
            time.sleep(0.001)
    return code


def _children() -> list[int]:
    """Return the processes whose parent this one is; as subreaper it inherits every orphan of the job."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # it ended meanwhile
        if int(parent) == os.getpid() and state != b"Z":
            found.append(int(name))
    return found


# --- starting it ---------------------------------------------------------------------------------------------------


def _forever(body: Callable[[], int]) -> NoReturn:
    """Leave a forked child by `body`'s result; it must never return into the parent's code."""
    try:
        os._exit(body())
    except BaseException as error:  # noqa: BLE001 - whatever it is, the log is the only place to tell it
        os.write(2, f"the job could not be started: {error}\n".encode())
    finally:
        os._exit(NOT_RUNNABLE)


def _start_forward(port: int, path: str) -> None:
    if TYPE_CHECKING:
        from pipeline_builder.engine.inside import forward
    else:
        import forward  # few jobs need it

    listening = forward.listen(port)
    if os.fork() == 0:
        os.close(0)  # the lifeline is the supervisor's
        os.dup2(2, 1)
        _forever(lambda: forward.forward(listening, path))
    listening.close()


def _start_job(spec: Spec) -> int:
    pid = os.fork()
    if pid == 0:
        _forever(lambda: _become_job(spec))
    with suppress(OSError):
        os.setpgid(pid, pid)  # here and in the child: whoever comes first, the group exists before a signal is sent
    return pid


def _become_job(spec: Spec) -> int:
    """Replace this process by the command; return the shell's exit code for it only where that isn't possible."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    if LINUX and not spec["private"]:
        prctl(SET_DEATH_SIGNAL, signals.SIGKILL)
    _bind(spec["limits"], private=spec["private"], forwarding=bool(spec.get("forward")))
    # Python ignores these two, and an ignored signal stays ignored in the new program.
    for number in (signals.SIGPIPE, signals.SIGXFSZ, signals.SIGTERM, signals.SIGINT):
        signals.signal(number, signals.SIG_DFL)
    signals.pthread_sigmask(signals.SIG_SETMASK, set())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    command, workdir = spec["command"], spec["workdir"]
    try:
        os.makedirs(workdir, exist_ok=True)
        os.chdir(workdir)
    except OSError as error:
        os.write(2, f"the working directory '{workdir}' can't be used: {error.strerror}\n".encode())
        return NOT_RUNNABLE
    try:
        os.execvpe(command[0], command, spec["environment"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        why = "command not found" if missing else f"command can't be run ({error.strerror})"
        os.write(2, f"{why}: '{command[0]}', looked for on PATH={spec['environment'].get('PATH', '')}\n".encode())
        return NOT_FOUND if missing else NOT_RUNNABLE


def _bind(limits: dict[str, int], *, private: bool, forwarding: bool) -> None:
    """Set what the kernel itself holds; never the address space, which much is only reserved of."""
    # 1 is the one size that also keeps a core from a program that collects them for the whole machine.
    _limit(resource.RLIMIT_CORE, 1)
    if not limits:
        return
    _limit(resource.RLIMIT_FSIZE, limits["file_size"])
    if private:  # counted in the job's own user namespace; elsewhere it would count all that the user runs
        _limit(resource.RLIMIT_NPROC, limits["processes"] + 1 + forwarding)  # and its supervisor
    if LINUX:
        with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(FIRST_VICTIM))


def _limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (value, value))
