"""Pythons of this machine: the one of the version that an image has, tried before it is trusted."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine import programs

_SAY = "import platform, sys; print(platform.python_version(), getattr(sys, '_base_executable', '') or sys.executable)"
_OLDEST = (3, 8)
"""What `engine/inside` is written for."""
_ANSWER = re.compile(r"(3(?:\.\d+)+)\S* (/.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python below all virtual environments; `version` is all of it, such as 3.10.13."""

    path: str
    version: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


def own_interpreter() -> Interpreter:
    """Return the Python that this program runs with."""
    return Interpreter(path=sys.executable, version=platform.python_version())


def find_interpreter(version: str) -> Interpreter:
    """Return a Python of this version, such as 3.10 or 3.10.13; without one this program's own.

    Raises:
        InputProblems: PB514 where this machine has none.
    """
    own = own_interpreter()
    if not version or _fits(own.version, version):
        return own
    found = _found(version)
    if found is None:
        message = (
            f"there is no Python {version} on this machine, which the manifest's 'local.images' wants for an image"
        )
        hint = f"install one: 'uv python install {version}', or by pyenv; it was looked for on PATH, too"
        raise InputProblems(Problem(id="PB514", message=message, hint=hint))
    return found


def refuse_too_old(version: str) -> None:
    """Make sure that the program that calls a model's handlers can be read by an image's Python.

    Raises:
        InputProblems: PB720.
    """
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        message = (
            f"its image has Python {version} by the manifest's 'local.images', and a model is served from {oldest} on"
        )
        raise InputProblems(Problem(id="PB720", message=message, hint=f"write 'python: \"{oldest}\"' for that image"))


def _fits(found: str, wanted: str) -> bool:
    return f"{found}.".startswith(f"{wanted}.")


@functools.cache
def _found(version: str) -> Interpreter | None:
    minor = ".".join(version.split(".")[:2])
    for candidate in _candidates(version, minor):
        interpreter = _asked(candidate)
        if interpreter and _fits(interpreter.version, version):
            return interpreter
    return None


def _candidates(version: str, minor: str) -> Iterator[str]:
    """Yield what may be one: on PATH, pyenv's, uv's."""
    yield from programs.find_programs(f"python{minor}", os.environ)
    home = Path("~").expanduser()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv", "versions")
    yield from _newest(pyenv.glob(f"{version}*/bin/python{minor}"))
    data = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(data, "uv", "python"))
    yield from _newest(uv.glob(f"cpython-{version}*/bin/python{minor}"))


def _newest(paths: Iterable[Path]) -> list[str]:
    by_number = sorted(paths, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parts[-3])], reverse=True)
    return [str(path) for path in by_number]


def _asked(program: str) -> Interpreter | None:
    """Return what a program says to be; None where it is no Python that works, as a shim of pyenv's may be."""
    try:
        done = subprocess.run(
            [program, "-I", "-S", "-c", _SAY], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=programs.TRIAL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    answer = _ANSWER.fullmatch(done.stdout.strip())
    if answer is None or done.returncode:
        return None
    return Interpreter(path=programs.below_environments(answer[2]), version=answer[1])
