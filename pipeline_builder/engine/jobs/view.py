"""What a job sees of this machine: the arguments of bubblewrap that make its file system."""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.shims import NOTHING, package_folders, shim_mounts
from pipeline_builder.machine import programs

TMP, HOME = "/tmp", "/home/job"  # noqa: S108 - the job's own
SCRATCH, CHANGES = "/run/job", "/run/changes"
"""What the job has changed of its environment, and of what it was shown: so that it is counted."""
OVERLAYS = "inputs"
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM = ("/usr", "/etc", "/nix/store", "/gnu/store", "/var/lib/ca-certificates")
# What programs ask the kernel about processors, devices and their own bounds. The rest of /sys is for administrators.
_SYS = ("block", "bus", "class", "dev", "devices", "module", "fs/cgroup", "kernel/mm")
# Of what a container gets read-only: root would write here what holds for the machine, without any capability.
_PROC = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "asound", "pressure",
         "driver/nvram")  # fmt: skip
_DEVICES = ("nvidia*", "dri", "kfd", "dxg", "accel", "neuron*")
LINKED = ("/etc/resolv.conf", "/etc/hosts", "/etc/localtime")
_PARTS = ("bin", "lib", "lib64", "include", "share", "ssl")
Layer = tuple[str, list[str]]
"""A place in the job's view, and bubblewrap's arguments that mount there."""
INSIDE = Path(__file__).parent.parent / "inside"


def view_of(job: Job, *, scratch: Path | None, own_proc: bool, shims: Path | None = None) -> list[str]:
    """Return bubblewrap's arguments for the job's file system; `scratch` takes what it changes in its environment.

    `shims` is a folder of what stands for this machine's own Pythons.
    """
    layers, covered = common_layers(job, shims)
    arguments = [*system_view(), *(("--proc", "/proc") if own_proc else ("--bind", "/proc", "/proc"))]
    return [*arguments, *proc_view(), *in_order([*layers, *own_layers(job, scratch)]), *read_only([*covered, "/"])]


def common_layers(job: Job, shims: Path | None) -> tuple[list[Layer], list[str]]:
    """Return what is mounted on the machine's own system for all jobs that are like this one, and what of it is hidden.

    `shims` is as for `view_of`.
    """
    packages = package_folders(_base_prefixes(job)) if shims else ()
    shown = _shown(job, packages)
    places = {*_system_folders(), *shown, *map(str, job.writes)}
    layers = [(path, _show(path)) for path in shown]
    occupied = [folder for folder in packages if any(within(inner, folder) for inner in shown)]
    covered = _covered((*job.hidden, *map(Path, occupied)), places, shown)
    layers += [(path, ["--tmpfs", path]) for path in covered]
    layers += [(str(path), ["--bind", str(path), str(path)]) for path in job.writes]
    for source, place in _stand_ins(job, shims, [p for p in packages if p not in occupied]) if shims else ():
        layers.append((place, ["--ro-bind", source, place]))
    return layers, covered


def own_layers(job: Job, scratch: Path | None) -> list[Layer]:
    """Return what only this job has: its folders, its data, and its Python environment as it may change it."""
    layers = [(target, ["--bind", str(source), target]) for source, target in _own(job)]
    layers += [(target, ["--ro-bind", str(source), target]) for source, target in job.mounted]
    if job.overlaid and scratch:
        for number, (source, target) in enumerate(job.overlaid):
            layers.append((target, _overlay(str(source), scratch / OVERLAYS / str(number), target)))
        layers.append((CHANGES, ["--ro-bind", str(scratch / OVERLAYS), CHANGES]))
    return [*layers, *(_environment(environment, scratch) if (environment := environment_folder(job)) else ())]


def in_order(layers: Iterable[Layer]) -> list[str]:
    """Return bubblewrap's arguments; deeper ones last: what is shown within what is hidden is seen, and the reverse."""
    return [word for _, words in sorted(layers, key=lambda layer: _depth(layer[0])) for word in words]


def read_only(paths: Iterable[str]) -> list[str]:
    """Return what comes last, because mount points are made in there."""
    return [word for path in paths for word in ("--remount-ro", path)]


def environment_folder(job: Job) -> str:
    """Return the virtual environment that the job's interpreter is of, "" where it is of none."""
    venv = job.python.parent.parent
    return str(venv) if (venv / "pyvenv.cfg").is_file() else ""


def launcher_python() -> str:
    """Return the interpreter below all virtual environments: the one file of ours that a job can run."""
    return programs.below_environments(str(getattr(sys, "_base_executable", "") or sys.executable))


def system_view() -> Iterator[str]:
    """Yield bubblewrap's arguments for the system itself, without its processes."""
    for name in _MERGED:
        if Path("/", name).is_symlink():
            yield from ("--symlink", str(Path("/", name).readlink()), f"/{name}")
    for path in _system_folders():
        yield from _show(path)
    yield from _masks()
    for path in LINKED:
        if (target := os.path.realpath(path)) != path and not target.startswith(("/usr/", "/etc/")):
            yield from ("--ro-bind-try", target, target)
    yield from _devices()
    for path in _existing(f"/sys/{name}" for name in _SYS):
        yield from _show(path)
    for entry in _entries_of_opt():
        path = f"/opt/{entry.name}"
        yield from (
            ("--symlink", str(Path(path).readlink()), path) if entry.is_symlink() else ("--ro-bind-try", path, path)
        )


def proc_view() -> Iterator[str]:
    """Yield what only /proc's own administrators write to."""
    for path in _existing(f"/proc/{name}" for name in _PROC):
        yield from _show(path)


def _existing(paths: Iterable[str]) -> Iterator[str]:
    return (path for path in paths if os.path.exists(path))  # noqa: PTH110 - each step comes by here


def _masks() -> Iterator[str]:
    for path in masked_paths():
        try:
            found = os.stat(path)  # noqa: PTH116 - each step comes by here, and a Path of each would take half of it
        except OSError:  # it has gone since
            continue
        yield from (
            ("--tmpfs", path, "--remount-ro", path) if stat.S_ISDIR(found.st_mode) else ("--ro-bind", "/dev/null", path)
        )


def _devices() -> Iterator[str]:
    yield from ("--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm")  # noqa: S108 - the job's own
    for pattern in _DEVICES:
        for device in sorted(Path("/dev").glob(pattern)):
            yield from ("--dev-bind-try", str(device), str(device))
    yield from ("--remount-ro", "/dev")


@functools.cache
def _system_folders() -> tuple[str, ...]:
    merged = (f"/{name}" for name in _MERGED if not Path("/", name).is_symlink())
    return tuple(path for path in (*merged, *_SYSTEM) if Path(path).is_dir())


def _entries_of_opt() -> list[os.DirEntry[str]]:
    """Return what is in /opt for everybody; `ml` there is the job's."""
    try:
        with os.scandir("/opt") as entries:
            return [e for e in entries if e.name != "ml" and (e.is_symlink() or e.stat().st_mode & stat.S_IROTH)]
    except OSError:
        return []


@functools.cache
def masked_paths() -> tuple[str, ...]:
    """Return what in /etc is not for everybody, such as keys and password hashes: a job may run as root."""
    found: list[str] = []
    folders = ["/etc"]
    for folder in folders:  # it grows
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in (one for one in entries if not one.is_symlink()):
                with contextlib.suppress(OSError):  # it has gone
                    mode = entry.stat(follow_symlinks=False).st_mode
                    if not mode & stat.S_IROTH and os.access(entry.path, os.R_OK):
                        found.append(entry.path)
                    elif stat.S_ISDIR(mode):
                        folders.append(entry.path)
    return tuple(found)


def _own(job: Job) -> tuple[tuple[Path, str], ...]:
    return ((job.ml, OPT_ML), (job.folder / "tmp", TMP), (job.folder / "home", HOME), *job.places)


def _environment(folder: str, scratch: Path | None) -> list[Layer]:
    """Let the job change its Python environment without changing it for others, where overlays can be mounted."""
    if scratch is None:
        return [(folder, ["--ro-bind", folder, folder])]
    return [
        (folder, _overlay(folder, scratch, folder)),
        (SCRATCH, ["--ro-bind", f"{scratch}/upper", SCRATCH]),
    ]


def _overlay(source: str, scratch: Path, target: str) -> list[str]:
    return ["--overlay-src", source, "--overlay", f"{scratch}/upper", f"{scratch}/work", target]


def _interpreters(job: Job) -> frozenset[str]:
    """Return the files of the interpreters that a job runs with: its own, and its supervisor's."""
    return _real_files(str(job.python), launcher_python())


@functools.lru_cache(maxsize=100)
def _real_files(*paths: str) -> frozenset[str]:
    return frozenset(os.path.realpath(path) for path in paths)


def _base_prefixes(job: Job) -> tuple[str, ...]:
    return tuple(sorted(str(Path(path).parent.parent) for path in _interpreters(job)))


def _stand_ins(job: Job, shims: Path, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what stands for this machine's Pythons, and for the folders with their packages.

    Where the system's own Python is the job's, it finds the environment's packages however it is called.
    """
    yield from shim_mounts(shims, _interpreters(job))
    found, taken = _systems_packages(job), False
    for folder in folders:
        fits = found is not None and not taken and Path(folder).match(found[1])
        yield found[0] if found and fits else str(shims / NOTHING), folder
        taken = taken or fits


def _systems_packages(job: Job) -> tuple[str, str] | None:
    """Return the environment's packages, and a pattern of where the system's Python would have them, if it is that."""
    prefix = str(Path(os.path.realpath(job.python)).parent.parent)
    own = next(Path(environment_folder(job) or "/nowhere").glob("lib/python3*/site-packages"), None)
    if own is None or prefix not in ("/usr", "/usr/local"):
        return None
    version = own.parent.name
    return str(own), f"{prefix}/lib*/{version if prefix != '/usr' or not _is_debian() else 'python3'}/*-packages"


def _is_debian() -> bool:
    return Path("/usr/lib/python3/dist-packages").is_dir()


def _shown(job: Job, packages: Sequence[str] = ()) -> list[str]:
    """Return what the job may read beside the system: its interpreter, our programs, and folders that it is given.

    In a folder of `packages`, which is covered, they have to be shown although that is the system's.
    """
    found = [str(INSIDE), *map(str, job.reads)]
    prefixes = [*_prefixes(job.python), *_prefixes(Path(launcher_python()))]
    for prefix in {*map(str, prefixes), sys.base_prefix, sys.base_exec_prefix}:
        # Also where the links of the path lead: uv's names of minor versions are links.
        for path in (prefix, os.path.realpath(prefix)):
            found += _safe_parts(path, job.hidden)
    system = _system_folders()
    return sorted(
        path
        for path in set(found)
        if not any(within(path, folder) for folder in system) or any(within(path, folder) for folder in packages)
    )


def _prefixes(python: Path) -> Iterator[Path]:
    """Yield the folders of each link on the way to the interpreter, but the environment's own."""
    path, steps = python, 0
    while path.is_symlink() and steps < 40:
        path = Path(os.path.normpath(path.parent / path.readlink()))
        steps += 1
        if path.parent.parent != python.parent.parent:
            yield path.parent.parent
    try:
        lines = (python.parent.parent / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        yield path.parent.parent  # no environment, but an installation
        return
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "home":
            yield Path(value.strip()).parent


def _safe_parts(prefix: str, hidden: Sequence[Path]) -> list[str]:
    """Return the prefix, or where it is (or is above) a folder that is hidden, only what Python needs of it."""
    if not any(within(str(path), prefix) for path in hidden):
        return [prefix]
    return [part for name in _PARTS if Path(part := f"{prefix.rstrip('/')}/{name}").is_dir()]


def _show(path: str) -> list[str]:
    return ["--ro-bind", path, path]


def _covered(hidden: Iterable[Path], places: Iterable[str], shown: Sequence[str]) -> list[str]:
    """Return the hidden folders that would be seen in one of these places."""
    visible = [*places, *(f"/opt/{entry.name}" for entry in _entries_of_opt())]
    paths = {name for path in hidden for name in (str(path), os.path.realpath(path)) if Path(name).is_dir()}
    return sorted(p for p in paths if p not in shown and any(p != v and within(p, v) for v in visible))


def within(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _depth(path: str) -> int:
    return path.rstrip("/").count("/")
