"""Environments of jobs that many tests share, instead of each state making its own."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.requirements import Layers
from tests.places import ROOT, environments_of_run, folder_of_run


def share_environment(state: Path) -> None:
    """Give the state the environment without packages, which is made once for this checkout."""
    folder = state / "envs"
    if folder.is_dir() and any(folder.iterdir()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # a process that the test has started was quicker
        (folder / _made().name).symlink_to(_made())


def shared_environments(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of environments with packages: the first test of a run that asks for one has it made there."""
    run = folder_of_run(factory)
    folder = environments_of_run(run)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.with_suffix(".run").symlink_to(run)  # by which a later run knows that this one is gone
    # They are for tests alone, which write into none: gigabytes that aren't copied out of uv's cache.
    os.environ.setdefault("UV_LINK_MODE", "hardlink")
    return folder


def share_environments(state: Path, factory: pytest.TempPathFactory) -> None:
    """Let the state, which doesn't exist yet, make its environments where all of a run are."""
    state.mkdir(parents=True)
    (state / "envs").symlink_to(shared_environments(factory))


def share_made(state: Path, python: Path) -> None:
    """Give the state the environment without packages, and the one of this interpreter."""
    share_environment(state)
    made = python.parent.parent
    (state / "envs" / made.name).symlink_to(made)


def equip(manifest: Path, factory: pytest.TempPathFactory, *code: Path) -> None:
    """Make the shared environments of the manifest's images, compiled as far as the folders' code imports them.

    The product compiles all that is installed, which takes half a minute for TensorFlow alone; the environment of
    `examples/purchase-intent` is made so.
    """
    for image in yaml.safe_load(manifest.read_text())["local"]["images"]:
        shared_environment((tuple(image["requirements"]),), imports(*code), factory)


def shared_environment(layers: Layers, program: str, factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a shared environment, in which the program has been run to have its imports compiled."""
    python = Environments(shared_environments(factory), whole=False).get(layers, observe=lambda _: None)
    have_compiled(python, program)
    return python


def have_compiled(python: Path, program: str) -> None:
    """Run a program, once, that has what it imports compiled: jobs and scripts only read an environment."""
    with compiling(python, program) as (todo, variables):
        if todo:
            subprocess.run([str(python), "-c", program], env=variables, check=True, capture_output=True)


@contextlib.contextmanager
def compiling(python: Path, program: str) -> Iterator[tuple[bool, dict[str, str]]]:
    """Yield whether the program has still to be run for that, and the variables with which it is.

    What another environment beside it has compiled of the same files is taken: by its time and size, which Python looks
    at too, a file is the one of uv's cache in both.
    """
    own = python.parent.parent
    done = own / f"compiled-{hashlib.sha256(program.encode()).hexdigest()[:12]}"
    todo = not done.exists()
    if todo and not any(own.glob("compiled-*")):
        for other in own.parent.iterdir():
            if other != own and any(other.glob("compiled-*")):
                _take_compiled(other, own)
    yield todo, {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done.touch()


def _take_compiled(other: Path, own: Path) -> None:
    for theirs in other.glob("lib/python*/site-packages/**/__pycache__/*.pyc"):
        mine = own / theirs.relative_to(other)
        source = mine.parent.parent / f"{mine.name.split('.')[0]}.py"
        if source.is_file() and source.samefile(other / source.relative_to(own)) and not mine.exists():
            mine.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):
                mine.hardlink_to(theirs)


def imports(*code: Path) -> str:
    """Return a program that imports what the folders' code imports, as far as it is installed."""
    files = [path for folder in code for path in folder.rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    own = {path.stem for path in files}
    lines = {
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module not in own)
    }
    return "\n".join(f"try: {line}\nexcept ImportError: pass" for line in sorted(lines))


@functools.cache
def _made() -> Path:
    # Where processes of tests that know of no test run, and may be killed, find it too.
    folder = ROOT / ".pipeline_builder" / "tests"
    return Environments(folder).get((), observe=lambda _: None).parent.parent


def folders_of_wheels() -> tuple[str, ...]:
    """Return the folders of wheels that lie on this machine."""
    return tuple(re.split(r"[\s,]+", os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS") or ""))


def no_cheap_torch(requirements: str) -> str:
    """Return why the PyTorch that is asked for would be a download of gigabytes here, empty where a CPU build of it lies
    on this machine.
    """
    (torch,) = set(re.findall(r"torch==([\d.]+)", requirements))
    pattern = f"torch-{torch}+cpu-cp{sys.version_info.major}{sys.version_info.minor}-*{platform.machine()}.whl"
    if any(list(Path(folder).glob(pattern)) for folder in folders_of_wheels() if folder):
        return ""
    return f"no {pattern} in the folders of UV_FIND_LINKS or PIP_FIND_LINKS: PyPI's build has 3 GB"
