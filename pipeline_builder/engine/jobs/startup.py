"""What runs when an environment's interpreter starts: held back as long as the engine's own uv works with it.

A wheel is only unpacked, but its `.pth` files and a `sitecustomize` run whenever that interpreter starts, which uv does
too, with the passwords of indexes around it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline_builder.engine.jobs.compiled import LEFT_OUT
from pipeline_builder.engine.jobs.standins import STANDINS
from pipeline_builder.engine.jobs.view import launcher_python
from pipeline_builder.errors import InputProblems, Problem

_OWN = "_virtualenv.pth"
_HELD = "held"
_NAMES = ("sitecustomize", "usercustomize")
_FEW = 300
"""So many modules are compiled sooner by one process than several are told of each that is compiled already."""


class Startup:
    """The interpreter of an environment that has just been made, as it has to stay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._interpreter()

    def hold(self) -> None:
        """Put away what would run.

        Raises:
            InputProblems: PB557 where something has taken the place of the interpreter.
        """
        if self._interpreter() != self._before:
            message = "a package of the requirements puts something in the place of the environment's interpreter"
            raise InputProblems(Problem(id="PB557", message=message, hint="leave the package out"))
        for packages in self._packages():
            for path in packages.iterdir():
                if _runs_at_start(path.name):
                    held = self._held(packages)
                    held.mkdir(parents=True, exist_ok=True)
                    path.replace(held / path.name)

    def release(self) -> None:
        """Put it back; nothing here starts the interpreter any more but jobs."""
        self.hold()
        for packages in self._packages():
            held = self._held(packages)
            for path in held.iterdir() if held.is_dir() else ():
                path.replace(packages / path.name)

    def _packages(self) -> Iterator[Path]:
        yield from (
            path for path in self._folder.glob("lib*/python*/site-packages") if not path.parent.parent.is_symlink()
        )

    def _held(self, packages: Path) -> Path:
        return self._folder / _HELD / packages.relative_to(self._folder)

    def _interpreter(self) -> list[tuple[str, str]]:
        """Return what decides which program starts, and what it takes for its home."""
        links = [
            (path.name, str(path.readlink()) if path.is_symlink() else "a file") for path in _interpreters(self._folder)
        ]
        homes = [self._folder / "pyvenv.cfg", self._folder / "bin" / "pyvenv.cfg"]
        return [*links, *((str(path), path.read_text("utf-8")) for path in homes if path.is_file())]


def _interpreters(folder: Path) -> list[Path]:
    return sorted((folder / "bin").glob("[Pp]ython*"))


def _runs_at_start(name: str) -> bool:
    return (name.endswith(".pth") and name != _OWN) or name.partition(".")[0] in _NAMES


def compile_modules(
    folder: Path, interpreter: str = sys.executable, *, whole: bool = True, left: int | None = None
) -> None:
    """Compile an environment's modules, because jobs don't write into it; what can't be compiled stays as it is.

    Without `whole` only what each start of the interpreter imports: for pip alone more isn't worth it. `left` is how
    many of them aren't compiled yet.

    The packages' own tests are left out. By the interpreter below, without the environment's own start: compiling runs
    nothing of them.
    """
    below = "" if whole else "/_distutils_hack"
    packages = [str(path) for path in folder.glob(f"lib/python*/site-packages{below}")]
    packages += [str(path) for path in folder.glob(STANDINS)]
    python = launcher_python() if interpreter == sys.executable else interpreter
    command = [os.path.realpath(python), "-I", "-S", "-m", "compileall", "-q", "-q"]
    command += ["-j", "0" if whole and (left is None or left > _FEW) else "1", "-x", LEFT_OUT, *packages]
    subprocess.run(command, env={}, stdin=subprocess.DEVNULL, capture_output=True, check=False)
