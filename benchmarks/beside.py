"""This checkout and another one beside it: processes that measure whenever they are asked, so that both take turns."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from table import ROOT


def add_old(parser: argparse.ArgumentParser) -> None:
    """Add the option that names another checkout."""
    parser.add_argument("--old", type=Path, help="another checkout, such as one of a version before")


def checkouts(old: Path | None) -> dict[str, Path]:
    """Return the other checkout, where one is named, and this one."""
    return {**({"before": old.resolve()} if old else {}), "now": ROOT}


def environment_of(root: Path) -> dict[str, str]:
    """Return the environment of a process on that tree's code, which keeps bytecode as everybody's does."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPATH": str(root), "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "growth-bytecode")}


@contextmanager
def trees_of(before: str) -> Iterator[dict[str, Path]]:
    """Give this tree, and beside it a folder with the files of a commit where one is named."""
    if not before:
        yield {"now": ROOT}
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "-C", str(ROOT), "archive", before], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        yield {"before": Path(folder), "now": ROOT}


class Worker:
    """A process of Python code that answers each line with one of JSON; its imports come before and aren't measured."""

    def __init__(self, code: str, *arguments: Path | str) -> None:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def ask(self, line: str = "") -> Any:
        """Hand a line over, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    @property
    def process(self) -> int:
        """The process's id, as `figures.watch` wants it."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
