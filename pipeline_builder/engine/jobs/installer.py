"""uv, as the engine runs it: with the caller's index and its passwords, so that nothing that it gets is executed."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.jobs.requirements import masked
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine import codeartifact, programs
from pipeline_builder.machine.refusals import full, says_full

# What uv may see of the engine's environment. It builds nothing itself.
_FOR_UV = re.compile(
    r"PATH|HOME|USER|LANG|LC_ALL|TMPDIR|XDG_\w+|UV_\w+|(?i:(?:https?|all|no)_proxy)|SSL_CERT_(?:FILE|DIR)"
)

# The interpreter is ours to choose, and what a user lets uv build is built elsewhere.
_NOT_FOR_UV = ("UV_PYTHON", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD", "UV_NO_BUILD_PACKAGE")


class OutageError(OutsideFailure):
    """The package index could not be reached: the same may work a little later."""


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


@dataclass(frozen=True, slots=True)
class Uv:
    """The program, its folder for caches, and the lock of who waits for what it does."""

    program: Path
    cache: Path
    lock: int

    def run(self, arguments: Sequence[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run uv to its end, whatever that is."""
        # uv inherits the lock: where this process is killed, nobody builds in the folder until its uv has ended too.
        return subprocess.run(
            [str(self.program), "--no-progress", "--color", "never", *arguments],
            env=_uv_environment(self.cache), stdin=subprocess.DEVNULL, capture_output=True, pass_fds=[self.lock],
            check=False, cwd=cwd,
        )  # fmt: skip

    def done(self, arguments: Sequence[str], what: str) -> None:
        """Run uv; OutsideFailure (PB510) where it fails, with the end of what it said."""
        result = self.run(arguments)
        if result.returncode:
            raise failed(what, result)


def failed(what: str, result: subprocess.CompletedProcess[bytes]) -> OutsideFailure:
    """Return the failure of making the environment for `what`."""
    said = "\n    ".join(result.stderr.decode("utf-8", "replace").strip().splitlines()[-15:])
    return failure(f"the Python environment for {what} could not be made; uv said:\n    {said}")


def failure(message: str) -> OutsideFailure:
    """Return what an installation failed of, with what may help."""
    if says_full(message):
        return OutsideFailure(full(masked(message)))
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
    return kind(Problem(id="PB510", message=masked(message), hint=hint))


def _uv_environment(cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _FOR_UV.fullmatch(name) and name not in _NOT_FOR_UV}
    if kept.get("UV_LINK_MODE") == "symlink":
        del kept["UV_LINK_MODE"]  # links lead into the cache, which no job sees
    # Copies, not hard links: a script that writes to an installed file would change it in uv's cache, for everybody.
    try:
        index = codeartifact.index_of(os.environ)
    except codeartifact.NoIndexError as error:
        raise failure(str(error)) from error
    return {"UV_LINK_MODE": "copy", **programs.uv_settings(os.environ, cache), **kept, **index}


def index_settings() -> dict[str, str]:
    """Return the settings that decide which indexes there are, and who the caller is to them."""
    return {**programs.uv_settings(os.environ, Path(os.devnull)), **os.environ}
