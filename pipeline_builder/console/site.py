"""Where a static site is written to, each file whole or not at all: a folder of this machine, or below a prefix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pipeline_builder.console.static import media_of
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import write_file
from pipeline_builder.target import ObjectStore

NOTE = "site.json"
"""The file that says what the others were made of: it is what a site is known by, and written last."""
FORMAT = 1


class Site(Protocol):
    """A place for the files of a site, by their relative names."""

    def names(self) -> frozenset[str]:
        """Return the names of the files that are there."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        ...


class Folder:
    """A folder of this machine. One with somebody's own files in it is left alone."""

    def __init__(self, path: Path) -> None:
        """Look at the folder, which need not be there yet.

        Raises:
            InputProblems: PB011 where it is something else than a site, or than empty.
        """
        self._path = path
        if path.exists() and not path.is_dir():
            raise InputProblems(_foreign(path, "is no folder"))
        if path.is_dir() and any(path.iterdir()) and not (path / NOTE).is_file():
            raise InputProblems(_foreign(path, f"has files in it, and no '{NOTE}' by which a site is known"))

    def names(self) -> frozenset[str]:
        """Return the names of the files that are there."""
        found = (path for path in self._path.rglob("*") if path.is_file())
        return frozenset(path.relative_to(self._path).as_posix() for path in found)

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        try:
            return (self._path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, unless it is there with this content."""
        write_file(self._path / name, content)


def _foreign(path: Path, why: str) -> Problem:
    message = f"the site can't be written to '{path}': it {why}"
    return Problem(id="PB011", message=message, hint="name a folder that is empty, or isn't there yet")


class Below:
    """A prefix of a bucket, with a `/` at its end."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix

    def names(self) -> frozenset[str]:
        """Return the names of the files that are there."""
        return frozenset(uri.removeprefix(self._prefix) for uri in self._store.entries(self._prefix))

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        found = self._store.read(f"{self._prefix}{name}")
        return found[0] if found else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file as what a browser is to take it for."""
        self._store.put(f"{self._prefix}{name}", content, media_of(name))


def parse_note(content: bytes | None, version: str) -> dict[str, str]:
    """Return what each file of a site was made of; nothing of another version's note, or of a damaged one."""
    try:
        found = json.loads(content) if content else {}
        same = (found["format"], found["version"]) == (FORMAT, version)
        return {str(name): str(made_of) for name, made_of in found["files"].items()} if same else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def write_note(site: Site, version: str, files: Mapping[str, str]) -> None:
    """Write what each file was made of."""
    content = {"format": FORMAT, "version": version, "files": dict(sorted(files.items()))}
    site.write(NOTE, json.dumps(content, indent=1).encode() + b"\n")
