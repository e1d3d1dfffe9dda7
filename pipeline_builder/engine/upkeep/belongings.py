"""Belongings: the files of each execution in the store, by the part of their key that is its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.engine.state.places import BUCKET
from pipeline_builder.engine.upkeep.needs import Needs, owner_of

ARCHIVE = "evidence"
"""A folder in which what is named as an execution isn't its output: what runs were judged by, and their records."""


@dataclass(slots=True)
class Belongings:
    """The files of executions (by ARN), and what is among them and nobody's: links, and what is no file."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    foreign: list[Path] = field(default_factory=list)

    def unneeded(self, arn: str, needs: Needs) -> tuple[Path, ...]:
        """Return the files of an execution that nothing leads to."""
        if arn in needs.kept:
            return ()
        return tuple(path for path in self.files.get(arn, ()) if not needs.has(path))


def find_belongings(store: Path, ids: Mapping[str, str]) -> Belongings:
    """Look through the store, following no link; `ids` are executions (ARNs) by id."""
    found = Belongings()
    for bucket in _entries(store):
        if BUCKET.fullmatch(bucket.name) and bucket.is_dir(follow_symlinks=False):
            waiting = [(bucket.path, "")]
            while waiting:
                folder, owner = waiting.pop()
                for entry in _entries(Path(folder)):
                    if not owner and entry.name == ARCHIVE:
                        continue
                    whose = owner or owner_of(entry.name, ids)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, whose))
                    elif whose and _is_file(entry):
                        found.files.setdefault(whose, []).append(Path(entry.path))
                    elif whose:
                        found.foreign.append(Path(entry.path))
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return  # gone meanwhile


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
