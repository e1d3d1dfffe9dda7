"""Pointers: the small files that Git LFS has in a commit in place of large ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.printed import parse_batch
from pipeline_builder.checkout.submodules import Part

_LESS_THAN = 1024
_AT_LEAST = 100
# Source: "Git LFS Specification", The Pointer: sorted keys after the version, one space, one line each.
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?P<extensions>(?:ext-\d-[\w.-]+ sha256:[0-9a-f]{64}\n)*)"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>0|[1-9]\d{0,14})\n?"
)
_FILE_MODES = ("100644", "100755")
_AT_ONCE = 500
_READ_AT_ONCE = 5000
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What stands for a file: the SHA-256 and the size of its content. `path` is that in its part.

    One that is `extended` stands for what a program has made of the content.
    """

    path: str
    oid: str
    size: int
    extended: bool = False


def parse_pointer(content: bytes, path: str = "") -> Pointer | None:
    """Return the pointer that a file is, None where it is none, to the letter."""
    found = _POINTER.fullmatch(content) if len(content) < _LESS_THAN else None
    if found is None:
        return None
    return Pointer(path=path, oid=found["oid"].decode(), size=int(found["size"]), extended=bool(found["extensions"]))


def find_pointers(git: Git, part: Part, index: Path) -> tuple[Pointer, ...]:
    """Return the pointers of a part that its attributes give to LFS; `index` is a file's name that is free meanwhile.

    They are read as they are in the commit: on the way into a folder attributes may give them other line ends.
    """
    found = [pointer for some in batches([*_small(git, part)], _READ_AT_ONCE) for pointer in _read(git, part, some)]
    given = set(_given_to_lfs(git, part, [pointer.path for pointer in found], index)) if found else set()
    return tuple(pointer for pointer in found if pointer.path in given)


def _small(git: Git, part: Part) -> Iterator[tuple[str, str]]:
    """Yield the paths and ids of the files that are no larger than a pointer may be."""
    for line in git.lines(["ls-tree", "-r", "-l", "-z", part.tree], part.bare, errors="surrogateescape"):
        facts, _, path = line.partition("\t")
        mode, _, object_id, size = facts.split()
        if mode in _FILE_MODES and size.isdigit() and _AT_LEAST <= int(size) < _LESS_THAN:
            yield path, object_id


def _read(git: Git, part: Part, files: Sequence[tuple[str, str]]) -> Iterator[Pointer]:
    """Yield the pointers among files of a part."""
    ids = "".join(f"{object_id}\n" for _, object_id in files)
    said = git.run_raw(["cat-file", "--batch"], repository=part.bare, text=ids)
    for (path, _), (_, _, content) in zip(files, parse_batch(said, len(files)), strict=True):
        if pointer := parse_pointer(content, path):
            yield pointer


def _given_to_lfs(git: Git, part: Part, paths: Sequence[str], index: Path) -> Iterator[str]:
    """Yield which of the paths have the filter 'lfs', by the `.gitattributes` of the whole commit."""
    extra = {"GIT_INDEX_FILE": str(index)}
    inside = f"{part.inside}/" if part.inside else ""
    try:
        git.run(["read-tree", part.commit], repository=part.bare, extra=extra)
        for some in batches(paths, _AT_ONCE):
            asked = [f"{inside}{path}" for path in some]
            arguments = ["check-attr", "--cached", "-z", "filter", "--", *asked]
            said = git.run(arguments, repository=part.bare, extra=extra).split("\0")
            # In the order that they were asked in: as they are told, names may not be what they are.
            yield from (path for path, value in zip(some, said[2::3], strict=False) if value == "lfs")
    finally:
        index.unlink(missing_ok=True)


def batches(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    """Yield the items, so many at a time."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))
