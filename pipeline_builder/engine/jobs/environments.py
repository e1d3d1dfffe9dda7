"""Python environments for jobs, made once per set of requirements and shared by all executions."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.engine.jobs.interpreters import Interpreter, find_interpreter, own_interpreter
from pipeline_builder.engine.jobs.requirements import Layers, clean_layers, describe, pythons_of, without_python
from pipeline_builder.engine.jobs.standins import put_standins, standins_digest
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.machine.folders import sweep_folder

if TYPE_CHECKING:
    from pipeline_builder.engine.jobs.sources import Environment, Sources

FORMAT = 2
"""Part of every key: raise it where environments that exist already would not do any more."""
DOWNLOADS = "cache.lock"
"""The lock that is held, by any number at once, while an environment is made of uv's cache."""
ALWAYS = ("pip", "setuptools<81")
"""What AWS's images have besides: scripts call pip, and packages `pkg_resources`, which setuptools 82 has no more."""


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments in `folder`, each in a folder named by the hash of all that decides its content.

    They are built in place: a virtual environment has its own path in its scripts, so a rename at the end would break
    them. What commits one is the file `ready` in it, written last; a folder without it is removed and built anew. `uv`
    is the program; by default the one of the package `uv`, else the one on PATH. `whole` ones are compiled as a whole;
    else whoever asks compiles what will be imported, which with large packages is quicker.
    """

    folder: Path
    uv: Path | None = None
    whole: bool = True

    def get(self, layers: Layers, *, observe: Callable[[str], None], stop: threading.Event | None = None) -> Path:
        """Return the interpreter of an environment with these layers of requirement lines.

        They are resolved together, so that the image's own lines hold for what the code asks for; where that can't be,
        they are installed in order, as pip does it in the container.

        Makes the environment where there is none; of several processes that ask at once one does, the others wait.
        `observe` gets a line when that begins and ends; `stop` being set ends what is being built.

        Raises:
            InputProblems: PB511 for a line that is refused, PB514 where the image's Python isn't there, PB557.
            OutsideFailure: PB510 where an installation fails, PB556 where a package can't be built.
        """
        interpreter = find_interpreter(next(iter(pythons_of(layers)), ""))
        cleaned = clean_layers(without_python(layers))
        folder = self.folder.absolute() / environment_key(cleaned, interpreter)
        if _is_used(folder):
            return folder / "bin" / "python"
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")) as lock, _locked(self.folder / DOWNLOADS, fcntl.LOCK_SH):
            if not _is_used(folder):
                # What is ready needs nothing of them.
                from pipeline_builder.engine.jobs.installer import Uv, find_uv, found_settings
                from pipeline_builder.engine.jobs.sources import Sources

                observe(f"making the Python environment {folder.name[:8]} ({describe(cleaned)})")
                if ignored := found_settings().ignored:
                    observe(f"without a say in what a job's environment has: {', '.join(ignored)}")
                uv = Uv(self.uv or find_uv(), self.folder.absolute() / "cache", lock)
                work = folder / "building"
                stop = stop or threading.Event()
                _build(
                    Sources(self.folder.absolute(), work, uv, observe, stop, interpreter),
                    folder,
                    cleaned,
                    whole=self.whole,
                )
                observe(f"the Python environment {folder.name[:8]} is ready")
        return folder / "bin" / "python"


def _build(sources: Sources, folder: Path, layers: Layers, *, whole: bool) -> None:
    from pipeline_builder.engine.jobs.compiled import take_compiled
    from pipeline_builder.engine.jobs.startup import compile_modules

    sweep_folder(folder)
    environment = sources.make(folder)
    environment.install(ALWAYS, "always")
    _install(environment, sources, layers)
    environment.finish()
    sweep_folder(sources.work)
    put_standins(folder)
    whole = bool(layers) and whole
    own, left = take_compiled(folder, sources.interpreter) if whole else (False, 0)
    compile_modules(folder, sources.interpreter.path, whole=whole, left=left)
    link_openmp(folder)
    _write_ready(folder, layers, sources.interpreter, own=own)


def _install(environment: Environment, sources: Sources, layers: Layers) -> None:
    from pipeline_builder.engine.jobs.installer import OutageError

    if len(layers) > 1 and not any("--hash" in line or "-hashes" in line for layer in layers for line in layer):
        try:
            environment.install(tuple(line for layer in layers for line in layer), "together")
        except OutageError:
            raise
        except OutsideFailure:
            sources.observe(
                "what the code requires doesn't go together with the packages of its image: it is installed over them, "
                "as pip does in the container"
            )
        else:
            return
    for number, layer in enumerate(layers):
        environment.install(layer, f"layer-{number}")


def environment_key(layers: Layers, interpreter: Interpreter | None = None) -> str:
    """Return the name of the folder for these cleaned layers: 32 hexadecimal digits of a sha256."""
    found = interpreter or own_interpreter()
    python = [found.version, sys.implementation.name, sys.platform, os.uname().machine]
    if backend := os.environ.get("UV_TORCH_BACKEND"):  # the one setting of uv's that chooses among what is required
        python.append(backend)
    return hashlib.sha256(json.dumps([FORMAT, standins_digest(), python, layers]).encode()).hexdigest()[:32]


def link_openmp(folder: Path) -> None:
    """Give the environment an OpenMP library where a package in it needs the system's and the system has none.

    LightGBM's wheel needs `libgomp.so.1`, which AWS's images have and slim machines lack. scikit-learn's wheel, which
    such environments have anyway, brings its own copy: a link makes it loadable through LD_LIBRARY_PATH.
    """
    packages = next(folder.glob("lib/python*/site-packages"), None)
    bundled = sorted(packages.glob("*.libs/libgomp*.so*")) if packages else []
    if not bundled:
        return
    probe = [str(folder / "bin" / "python"), "-I", "-S", "-c", "import ctypes; ctypes.CDLL('libgomp.so.1')"]
    if subprocess.run(probe, env={}, capture_output=True, check=False).returncode:
        link = folder / "lib" / "libgomp.so.1"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(bundled[0], link.parent))


def _is_used(folder: Path) -> bool:
    """Note that an environment is used now; False where none is ready, as one that is being taken away."""
    with contextlib.suppress(OSError):  # somebody else's, to be read only: then it isn't taken away either
        os.utime(folder / "ready")
    # The interpreter is a link; it dangles after the Python it was made with has been removed.
    return (folder / "ready").is_file() and (folder / "bin" / "python").exists()


def _write_ready(folder: Path, layers: Layers, interpreter: Interpreter, *, own: bool) -> None:
    from pipeline_builder.engine.jobs.compiled import COMPILED, OWN

    facts = {"format": FORMAT, "python": interpreter.version, "layers": layers, **({COMPILED: OWN} if own else {})}
    text = json.dumps(facts, indent=2) + "\n"
    temporary = folder / "ready.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "ready")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(file: Path, kind: int = fcntl.LOCK_EX) -> Iterator[int]:
    """Hold the lock file; yield its descriptor. Another thread or process waits."""
    with file.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, kind)
        yield handle.fileno()
