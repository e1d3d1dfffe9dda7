"""What stands in a job for this machine's own Pythons, so that whatever looks for one finds the job's environment.

A login shell, an empty environment or a path written out lead past the job's PATH. There is no image around a job whose
programs could be found instead, and the machine's Python is none of its business, nor are the packages in it. The names
of hosts stand here for the same reason: a job's own host has one by which its program, and its peers, would find it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline_builder.engine.jobs.container import HOST
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.standard import STANDARD_PATH

_PYTHON = re.compile(r"(?:python|pypy)\d*(?:\.\d+)?")
_PIP = re.compile(r"pip\d*(?:\.\d+)?")
NOTHING = "nothing"
"""The name of an empty folder among the shims."""
_FIRST = "/usr/local/sbin"  # where shells look first that have no PATH
_PROFILES = (
    "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh/zshenv", "/etc/zsh/zprofile", "/etc/zshenv",
    "/etc/zprofile",
)  # fmt: skip
_HOSTS = "/etc/hosts"
_PACKAGES = ("lib*/python3*/site-packages", "lib*/python3*/dist-packages")
_PROFILE = """\
case ":${{PATH:-}}:" in
:{folder}:*) ;;
*) PATH={folder}:${{PATH:-{standard}}} ;;
esac
export PATH
"""


def shims_of(job: Job) -> Path:
    """Return the folder with the programs and the profile for a job's environment, which jobs beside each other share.

    Whoever needs it first makes it, beside the jobs' folders and whole: of two at once one comes first.
    """
    digest = hashlib.sha256(str(job.python).encode()).hexdigest()[:12]
    folder = job.folder.parent / f".shims-{digest}"
    if not folder.is_dir():
        made = Path(tempfile.mkdtemp(prefix=".shims-", dir=job.folder.parent))
        _write(job, made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            sweep_folder(made)
    return folder


def _write(job: Job, folder: Path) -> None:
    python = shlex.quote(str(job.python))
    (folder / "profile").write_text(
        _PROFILE.format(folder=shlex.quote(str(job.python.parent)), standard=STANDARD_PATH), encoding="utf-8"
    )
    if _names_hosts():
        known = Path(_HOSTS).read_bytes().rstrip(b"\n")
        (folder / "hosts").write_bytes(known + f"\n127.0.0.1 {HOST}\n".encode())
    programs = folder / "bin"
    programs.mkdir()
    (folder / NOTHING).mkdir()
    for name, words in (("python", ""), ("pip", " -m pip")):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {python}{words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        (programs / f"{name}3").symlink_to(name)


def shim_mounts(folder: Path, kept: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield what is seen in which place; a file of `kept` is an interpreter that the job itself runs with."""
    for path, name in _machines_programs():
        if path not in kept:
            yield str(folder / "bin" / name), path
    if Path(_FIRST).is_dir() and not Path(_FIRST).is_symlink() and not any(path.startswith(_FIRST) for path in kept):
        yield str(folder / "bin"), _FIRST
    for path in _profiles():
        yield str(folder / "profile"), path
    if (folder / "hosts").is_file():
        yield str(folder / "hosts"), _HOSTS


@functools.cache
def package_folders(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return where this machine's Pythons have their packages."""
    places = dict.fromkeys(("/usr", "/usr/local", *prefixes))
    found = (path for place in places for pattern in _PACKAGES for path in Path(place).glob(pattern))
    return tuple(dict.fromkeys(str(path) for path in found if path.is_dir() and not path.is_symlink()))


@functools.cache
def _machines_programs() -> tuple[tuple[str, str], ...]:
    """Return each Python and pip in a folder for programs, with the name of what stands for it; links lead to these."""
    found = {}
    for folder in dict.fromkeys(os.path.realpath(part) for part in STANDARD_PATH.split(":")):
        for name in _names(folder):
            kind = "python" if _PYTHON.fullmatch(name) else "pip" if _PIP.fullmatch(name) else ""
            path = f"{folder}/{name}"
            if kind and not Path(path).is_symlink() and folder != _FIRST:
                found[path] = kind
    return tuple(sorted(found.items()))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is needed
    except OSError:
        return []


def _names_hosts() -> bool:
    """Tell whether there is a file for everybody to mount another on: a link leads where no job sees anything."""
    try:
        mode = Path(_HOSTS).lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


@functools.cache
def _profiles() -> tuple[str, ...]:
    found = (os.path.realpath(path) for path in _PROFILES if Path(path).is_file())
    return tuple(dict.fromkeys(path for path in found if path.startswith(("/etc/", "/usr/"))))
