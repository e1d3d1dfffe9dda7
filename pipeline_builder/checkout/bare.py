"""Bare repositories: what makes one, and how one is made."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path

from pipeline_builder.checkout.runner import Runner
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.temporary import temporary_folder

_PARTS = ("HEAD", "config", "objects", "refs")
# The index last: a pack without one is never read.
_OF_A_PACK = (".rev", ".pack", ".idx")
Part = tuple[Path, bytes | None]
"""A file's path and content; a folder has none."""
_FIRST = threading.Lock()
_KNOWN: dict[tuple[int, str], tuple[Part, ...]] = {}


def is_whole(repository: Path) -> bool:
    """Tell whether all is there that makes a bare repository: without one of it git looks for another, or fails."""
    return all((repository / name).exists() for name in _PARTS)


def has_long_ids(repository: Path) -> bool:
    """Tell whether its ids are of SHA-256."""
    return b"objectformat = sha256" in (repository / "config").read_bytes()


def is_partial(repository: Path) -> bool:
    """Tell whether files may be missing in a repository; git notes that there when it fetches without."""
    return b"promisor" in (repository / "config").read_bytes()


def size_of(repository: Path) -> int:
    """Return how many bytes have come into a repository: git keeps packs as they came."""
    return sum(path.stat().st_size for path in (repository / "objects" / "pack").glob("*.pack"))


def note_shallow(repository: Path, commits: Iterable[str]) -> None:
    """Note that these commits are there without their parents, beside those of before."""
    path = repository / "shallow"
    known = path.read_text("ascii", "replace").split() if path.exists() else []  # of damage git tells
    if new := [commit for commit in commits if commit not in known]:
        temporary = repository / "shallow_new"
        temporary.write_text("".join(f"{commit}\n" for commit in sorted([*known, *new])))
        temporary.replace(path)


def put_pack(pack: Path, name: str) -> None:
    """Put a pack that git has indexed where it reads packs, under the name that it gives it."""
    for ending in _OF_A_PACK:
        if (part := pack.with_suffix(ending)).exists():
            part.replace(pack.with_name(f"pack-{name}{ending}"))


def clear_pack(pack: Path) -> None:
    """Take away what is left of a pack that wasn't put anywhere."""
    for ending in _OF_A_PACK:
        with contextlib.suppress(OSError):
            pack.with_suffix(ending).unlink()


def make_bare(git: Runner, repository: Path, *, long_ids: bool) -> None:
    """Make a bare repository, whole or not at all; what is there without being one goes.

    Raises:
        GitError: git can't.
    """
    new = repository.with_name(f"{repository.name}.new")
    remove_folder(new)  # of one that was killed
    repository.parent.mkdir(parents=True, exist_ok=True)
    for name, content in _parts(git, repository.parent, "sha256" if long_ids else "sha1"):
        path = new / name
        if content is None:
            path.mkdir(parents=True)
        else:
            path.write_bytes(content)
    remove_folder(repository)
    new.rename(repository)


def _parts(git: Runner, where: Path, form: str) -> Iterable[Part]:
    """Return what git makes a repository of on the file system of `where`; it is asked once."""
    key = where.stat().st_dev, form
    with _FIRST:
        if key not in _KNOWN:
            with temporary_folder(where) as folder:
                made = folder / "made"
                git.run(["init", "--quiet", "--bare", "--template=", f"--object-format={form}"], repository=made)
                parts = [(path.relative_to(made), None if path.is_dir() else path.read_bytes()) for path in _walk(made)]
            _KNOWN[key] = tuple(parts)
    return _KNOWN[key]


def _walk(folder: Path) -> list[Path]:
    return [folder, *sorted(folder.rglob("*"))]
