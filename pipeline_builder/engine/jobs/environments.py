"""Python environments for jobs, made once per set of requirements and shared by all executions."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine import programs
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.refusals import full, says_full

FORMAT = 1
"""Part of every key: raise it where environments that exist already would not do any more."""

Layers = tuple[tuple[str, ...], ...]

# Options of a requirements file that only choose among published packages. All others are refused: `-r`, `-c` and `-e`
# reach files that the environment's key doesn't cover.
_ADDRESS_OPTIONS = frozenset(["-i", "--index-url", "--extra-index-url", "-f", "--find-links"])
_PLAIN_OPTIONS = frozenset(["--pre", "--prefer-binary", "--only-binary", "--no-binary", "--require-hashes"])
# What uv may see of the engine's environment. It runs the build scripts of source distributions: they get no keys.
_FOR_UV = re.compile(
    r"PATH|HOME|USER|LANG|LC_ALL|TMPDIR|XDG_\w+|UV_\w+|(?i:(?:https?|all|no)_proxy)|SSL_CERT_(?:FILE|DIR)"
)


class OutageError(OutsideFailure):
    """The package index could not be reached: the same may work a little later."""


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments in `folder`, each in a folder named by the hash of all that decides its content.

    They are built in place: a virtual environment has its own path in its scripts, so a rename at the end would break
    them. What commits one is the file `ready` in it, written last; a folder without it is removed and built anew. `uv`
    is the program; by default the one of the package `uv`, else the one on PATH.
    """

    folder: Path
    uv: Path | None = None

    def get(self, layers: Layers, *, observe: Callable[[str], None]) -> Path:
        """Return the interpreter of an environment with these layers of requirement lines, installed in order.

        Makes the environment where there is none; of several processes that ask at once one does, the others wait.
        `observe` gets a line when that begins and ends. Raises InputProblems (PB511) for a line that is refused and
        OutsideFailure (PB510) where an installation fails.
        """
        cleaned = clean_layers(layers)
        folder = self.folder.absolute() / environment_key(cleaned)
        if _is_ready(folder):
            return folder / "bin" / "python"
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")) as lock:
            if not _is_ready(folder):
                observe(f"making the Python environment {folder.name[:8]} ({_describe(cleaned)})")
                self._build(folder, cleaned, lock)
                observe(f"the Python environment {folder.name[:8]} is ready")
        return folder / "bin" / "python"

    def _build(self, folder: Path, layers: Layers, lock: int) -> None:
        uv, cache = self.uv or find_uv(), self.folder / "cache"
        sweep_folder(folder)
        _run_uv([str(uv), "venv", "--python", sys.executable, str(folder)], lock, layers, cache)
        # Compiled here, because jobs don't write into an environment that others use; for pip alone it isn't worth it.
        compiled = ["--compile-bytecode"] if layers else []
        install = [str(uv), "pip", "install", *compiled, "--python", str(folder / "bin" / "python")]
        _run_uv([*install, "pip"], lock, layers, cache)  # because scripts call it
        for number, layer in enumerate(layers):
            file = folder / f"layer-{number}.txt"
            file.write_text("\n".join(layer) + "\n", encoding="utf-8")
            _run_uv([*install, "--requirement", str(file)], lock, layers, cache)
        link_openmp(folder)
        _write_ready(folder, layers)


def requirements_of(folder: Path) -> tuple[str, ...]:
    """Return the lines of the folder's `requirements.txt`, none where it has no such file.

    Raises InputProblems (PB511) where it isn't a text file of the folder's own.
    """
    file = folder / "requirements.txt"
    if not file.exists() and not file.is_symlink():
        return ()
    if file.is_symlink() or not file.is_file():
        raise InputProblems(Problem(id="PB511", message="'requirements.txt' is not a regular file"))
    try:
        return tuple(file.read_text(encoding="utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise InputProblems(Problem(id="PB511", message=f"'requirements.txt' is not UTF-8 text: {error}")) from error


def clean_layers(layers: Layers) -> Layers:
    """Return the layers without comments, blank lines and empty layers, continued lines joined.

    Raises InputProblems (PB511) with every line that is refused.
    """
    cleaned = tuple(tuple(_clean_lines(layer)) for layer in layers)
    problems = [
        Problem(id="PB511", message=f"requirement '{_masked(line)[:200]}' {why}", hint=hint)
        for layer in cleaned
        for line in layer
        for why, hint in _refusals(line)
    ]
    if problems:
        raise InputProblems(*problems)
    return tuple(layer for layer in cleaned if layer)


def environment_key(layers: Layers) -> str:
    """Return the name of the folder for these cleaned layers: 32 hexadecimal digits of a sha256."""
    python = [platform.python_version(), sys.implementation.name, sys.platform, platform.machine()]
    return hashlib.sha256(json.dumps([FORMAT, python, layers]).encode()).hexdigest()[:32]


def find_uv() -> Path:
    """Return the first uv that works, the package's before those on PATH; OutsideFailure (PB510) where none does."""
    faults = []
    for found in _uv_programs():
        fault = programs.fault_of([found, "--version"], programs.UV)
        if not fault:
            return Path(found)
        faults.append(f"'{found}': {fault}")
    why = f"does not work: {'; '.join(faults)}" if faults else "was not found"
    message = f"the program 'uv', which makes the Python environments of jobs, {why}"
    raise OutsideFailure(Problem(id="PB510", message=message, hint="install it: python -m pip install uv"))


def _uv_programs() -> Iterator[str]:
    with contextlib.suppress(ImportError, FileNotFoundError):
        import uv

        yield uv.find_uv_bin()
    yield from programs.find_programs("uv", os.environ)


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
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        link = folder / "lib" / "libgomp.so.1"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(bundled[0], link.parent))


def _clean_lines(lines: tuple[str, ...]) -> Iterator[str]:
    joined = re.sub(r"\\\r?\n", " ", "\n".join(lines))
    for line in joined.splitlines():
        if text := re.sub(r"(^|\s)#.*$", "", line).strip():
            yield re.sub(r"\s+", " ", text)


def _refusals(line: str) -> Iterator[tuple[str, str]]:
    """Yield why the line may not be installed, and what to write instead."""
    option, _, value = re.sub(r"^(--?[\w-]+)(?:=|\s+)", r"\1 ", line).partition(" ")
    if "${" in line or "\0" in line:
        yield "takes a value from the environment", "write the value itself"
    elif option in _ADDRESS_OPTIONS:
        yield from _refused_address(value)
    elif option.startswith("-"):
        if option not in _PLAIN_OPTIONS:
            yield f"has the option '{option}', which is not supported here", "list the packages themselves"
    elif address := re.search(r"(?:^|@\s*)(\w[\w+.\-]*://\S*)", line):
        yield from _refused_address(address[1])
    elif re.search(r"^[./~\\]|[/\\]|\.whl$|\.(?:tar\.\w+|zip|tgz)$", line.partition(";")[0].partition(" --")[0]):
        yield "is a path on this machine", "publish the package, or put its source beside the entry point"


def _refused_address(address: str) -> Iterator[tuple[str, str]]:
    if "@" in address.partition("://")[2].partition("/")[0]:
        yield "has credentials in its address", "give them to uv through UV_INDEX_URL or a netrc file on this machine"
    elif not re.match(r"(?:git\+)?https://", address):
        yield "is not an https address", "use a package index or an https:// address"


def _masked(text: str) -> str:
    return re.sub(r"//[^/\s]*@", "//***@", text)


def _describe(layers: Layers) -> str:
    lines = [line for layer in layers for line in layer]
    return ", ".join(lines[:4]) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "") or "only pip"


def _is_ready(folder: Path) -> bool:
    # The interpreter is a link; it dangles after the Python it was made with has been removed.
    return (folder / "ready").is_file() and (folder / "bin" / "python").exists()


def _write_ready(folder: Path, layers: Layers) -> None:
    text = json.dumps({"format": FORMAT, "python": platform.python_version(), "layers": layers}, indent=2) + "\n"
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
def _locked(file: Path) -> Iterator[int]:
    """Hold the lock file; yield its descriptor. Another thread or process waits."""
    with file.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def _run_uv(command: list[str], lock: int, layers: Layers, cache: Path) -> None:
    # uv inherits the lock: where this process is killed, nobody builds in the folder until its uv has ended as well.
    result = subprocess.run(
        [*command[:1], "--no-progress", "--color", "never", *command[1:]],
        env=_uv_environment(cache), stdin=subprocess.DEVNULL, capture_output=True, pass_fds=[lock], check=False,
    )  # fmt: skip
    if result.returncode:
        said = result.stderr.decode("utf-8", "replace").strip().splitlines()[-15:]
        message = f"the Python environment for {_describe(layers)} could not be made; uv said:\n    " + "\n    ".join(
            said
        )
        raise _failure(message)


def _failure(message: str) -> OutsideFailure:
    if says_full(message):
        return OutsideFailure(full(_masked(message)))
    # uv has no exit code of its own for any of these.
    kind = OutsideFailure
    if re.search(r"only found wheels for|no wheels with a matching|Build failures usually|Failed to build", message):
        hint = (
            f"there is no wheel for Python {platform.python_version()}: take another version of the package, or make"
            " .venv with another Python (PYTHON=python3.12 scripts/run)"
        )
    elif re.search(r"No solution found|no version of|was not found in the package registry", message):
        hint = "no published versions fit together: change the requirements, or the image's in the manifest's 'local'"
    elif re.search(r"dns error|Connect|timed? ?out|offline|network", message, re.IGNORECASE):
        kind = OutageError
        hint = "the package index could not be reached: look at the network, the proxy variables and UV_DEFAULT_INDEX"
    else:
        hint = "run the same requirements with 'uv pip install' to look closer"
    return kind(Problem(id="PB510", message=_masked(message), hint=hint))


def _uv_environment(cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _FOR_UV.fullmatch(name) and name != "UV_PYTHON"}
    # Copies, not hard links: a script that writes to an installed file would change it in uv's cache, for everybody.
    return {"UV_LINK_MODE": "copy", **programs.uv_settings(os.environ, cache), **kept}
