"""The code that runs: its fingerprint, so that what another version has made is never taken for its own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_BYTECODE = "__pycache__"
_INSTALLED = (".dist-info", ".egg-info")


@functools.cache
def fingerprint_code() -> str:
    """Return a digest of the package's own files, of the packages that are installed beside it, and of Python.

    A developer's edit is another version; a container that is built of the same code again is not.
    """
    digest = hashlib.sha256(f"{sys.version}\0{fingerprint_package()}\0".encode())
    for name in sorted(set(_distributions())):
        digest.update(f"{name}\0".encode())
    return digest.hexdigest()


@functools.cache
def fingerprint_package() -> str:
    """Return a digest of the package's own files: the same wherever there is the same code."""
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for name in sorted(_files(os.fspath(package))):
        with open(name, "rb", buffering=0) as file:  # noqa: PTH123 - hundreds of files, for each command
            content = file.read()
        digest.update(f"{name[len(os.fspath(package)) :]}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry.path
            elif entry.name != _BYTECODE:
                yield from _files(entry.path)


def _distributions() -> Iterator[str]:
    """Yield the names of the folders that say what is installed: a distribution's name and version."""
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")):
            with contextlib.suppress(OSError):
                yield from (name for name in os.listdir(folder) if name.endswith(_INSTALLED))  # noqa: PTH208
