"""Fetched repositories that the manifest doesn't name any more: the next checkout that needs one fetches it anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from pipeline_builder.checkout.leftovers import alone
from pipeline_builder.checkout.lfs import FOLDER
from pipeline_builder.checkout.notes import is_of_nothing, list_notes, read_kept
from pipeline_builder.checkout.submodules import MARK
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.holdings import Holding, changed_at, weigh

KIND = "git"
_PARTS = (".git", ".index", ".json")


def find_unused(cache: Path, names: Collection[str], before: datetime, *, bound: int | None) -> list[Holding]:
    """Return the repositories that aren't named and were checked out before a time; of too many bytes others too.

    Submodules and objects of Git LFS that the folders of named ones were made of are named by that.
    """
    if cache.is_symlink() or not cache.is_dir():
        return []
    stems = {path.name.removesuffix(".git") for path in cache.glob("*.git")}
    notes = list_notes(cache)
    noted = [note for name in sorted(names) for note in notes.get(name, ())]
    kept = {one for note in noted for one in read_kept(note)}
    holdings = [_holding(cache, stem, notes.get(stem, ())) for stem in stems - {*names} - kept]
    found = sorted((*holdings, *_objects(cache, kept), *_of_nothing(noted)), key=lambda one: one.used)
    total = weigh([cache])
    unused = []
    for one in found:
        if one.used < before or (bound is not None and total > bound):
            unused.append(one)
            total -= one.size
    return unused


def find_foreign(cache: Path) -> list[str]:
    """Return what is in the folder of fetched repositories, and isn't this program's."""
    if cache.is_symlink():
        return [str(cache)]
    entries = sorted(cache.iterdir()) if cache.is_dir() else []
    return [str(path) for path in entries if path.is_symlink() or not _is_ours(path)]


def _is_ours(path: Path) -> bool:
    return path.name in ("lock", FOLDER) or path.suffix in (*_PARTS, ".new")  # which the next checkout takes away


def _objects(cache: Path, kept: Collection[str]) -> Iterator[Holding]:
    """Yield the objects of Git LFS that no named repository's folder has, and what is there of others, by day."""
    by_day: dict[str, list[Path]] = {}
    for path in (cache / FOLDER).glob("??/??/*"):
        if path.stem not in kept:
            by_day.setdefault(f"{changed_at(path):%Y-%m-%d}", []).append(path)
    for day, paths in by_day.items():
        count = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
        why = f"{count} in Git LFS that no folder of the manifest has, of {day}"
        used = max(map(changed_at, paths))
        yield Holding(kind=KIND, name=f"{FOLDER}-{day}", paths=tuple(paths), size=weigh(paths), used=used, why=why)


def take(cache: Path, chosen: Collection[Holding]) -> list[Holding]:
    """Remove repositories while nothing is checked out; return them."""
    with alone(cache):
        for item in chosen:
            for path in item.paths:
                remove_folder(path)
    return [*chosen]


def _of_nothing(notes: Iterable[Path]) -> Iterator[Holding]:
    """Yield what is noted of folders that are gone, of workspaces that had this state too."""
    for note in filter(is_of_nothing, notes):
        paths = tuple(path for path in (note, note.with_suffix(".index")) if path.exists())
        why = "a checkout of a workspace that is gone"
        used = max(map(changed_at, paths))
        yield Holding(kind=KIND, name=note.stem, paths=paths, size=weigh(paths), used=used, why=why)


def _holding(cache: Path, stem: str, notes: Iterable[Path]) -> Holding:
    # The note of the checkout goes first: killed in between, the next one takes the folder for unknown.
    noted = (path for note in notes for path in (note, note.with_suffix(".index")))
    parts = (cache / f"{stem}{part}" for part in reversed(_PARTS))
    paths = tuple(path for path in dict.fromkeys((*noted, *parts)) if path.exists())
    used = max(map(changed_at, paths))
    what = "a submodule of none in the manifest" if stem.startswith(MARK) else "not in the manifest"
    why = f"{what}, checked out {used:%Y-%m-%d}"
    return Holding(kind=KIND, name=stem, paths=paths, size=weigh(paths), used=used, why=why)
