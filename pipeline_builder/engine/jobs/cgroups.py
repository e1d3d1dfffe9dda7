"""A control group for one job, where this user may make some: the kernel's own bound on memory and processes."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_NAME = "pipeline-builder"
_PATIENCE = 0.5
_OWN_PID_MAX = (6, 14)
"""The first kernel with `kernel.pid_max` for each process namespace; before, it is the machine's."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Group:
    """The folders of one job's group: one for both controllers in version 2, one each in version 1."""

    folders: tuple[Path, ...] = ()

    def add(self, pid: int) -> None:
        """Put a process into the group, and so all that it will start."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    @property
    def bounds_processes(self) -> bool:
        """Whether the kernel counts the processes of the group."""
        return any((folder / "pids.max").exists() for folder in self.folders)

    def excess(self) -> str:
        """Return the limit that the group came to, "" for none."""
        for kind, file, field in (
            ("memory", "memory.events", "oom_kill"), ("memory", "memory.oom_control", "oom_kill"),
            ("processes", "pids.events", "max"),
        ):  # fmt: skip
            if any(_count(folder / file, field) for folder in self.folders):
                return kind
        return ""


@contextlib.contextmanager
def job_group(limits: Mapping[str, int], *, root: Path = ROOT, own: str | None = None) -> Iterator[Group]:
    """Yield the group for a job with these limits, one without folders where none can be made; remove it afterwards."""
    text = own if own is not None else _read("/proc/self/cgroup")
    group = Group(tuple(_make(limits, root, text)))
    try:
        yield group
    finally:
        for folder in group.folders:
            _remove(folder)


def bound_processes(pid: int, limits: Mapping[str, int], launcher: list[str]) -> None:
    """Bound the processes of the namespace that the process is the first of, where it has a bound of its own."""
    if number := numbers_of(limits):
        command = [*launcher, str(pid), str(number)]
        subprocess.run(command, env={}, cwd="/", capture_output=True, timeout=10, check=False)


def numbers_of(limits: Mapping[str, int]) -> int:
    """Return what bounds the processes of a namespace as its `kernel.pid_max`, 0 where the kernel has one for all."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    if version is None or (int(version[1]), int(version[2])) < _OWN_PID_MAX:
        return 0
    return limits["processes"] + 302  # after all numbers were used once, those up to 300 aren't used again


def _make(limits: Mapping[str, int], root: Path, own: str) -> Iterator[Path]:
    name = f"{_NAME}-{os.getpid()}-{next(_numbers)}"
    for parent, settings in _parents(root, own):
        # One process more than the job may have: its supervisor is in the group.
        values = {file: str(limits[limit] + (limit == "processes")) for file, limit in settings.items()}
        _sweep(parent)
        folder = parent / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            for file, value in values.items():
                (folder / file).write_text(value, encoding="ascii")
        except OSError:  # the controllers are not for the groups below this one
            _remove(folder)
            continue
        yield folder
        if len(settings) > 1:
            return


def _parents(root: Path, own: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield where a group could be, and which file of it takes which limit; version 2 first."""
    lines = [line.split(":", 2) for line in own.splitlines() if line.count(":") >= 2]
    paths = {name: path.strip("/") for _, names, path in lines for name in names.split(",")}
    if (root / "cgroup.controllers").exists() and "" in paths:
        here = root / paths[""]
        # Beside our own first: one that has processes itself can't hand controllers on.
        for parent in (*([here.parent] if here != root else []), here):
            yield parent, {"memory.max": "memory", "pids.max": "processes"}
        return
    for controller, file, limit in (
        ("memory", "memory.limit_in_bytes", "memory"), ("pids", "pids.max", "processes")
    ):  # fmt: skip
        if controller in paths:
            yield root / controller / paths[controller], {file: limit}


@functools.cache
def _sweep(parent: Path) -> None:
    """Remove the groups of engines that were killed, once: what this one leaves it removes itself."""
    for folder in parent.glob(f"{_NAME}-*"):
        pid = folder.name.removeprefix(f"{_NAME}-").partition("-")[0]
        if not Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # the kernel is still at ending its last process
            folder.rmdir()
            return
        time.sleep(0.002)


def _count(file: Path, field: str) -> int:
    for line in _read(file).splitlines():
        name, _, value = line.partition(" ")
        if name == field and value.strip().isdigit():
            return int(value)
    return 0


def _read(file: str | Path) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
