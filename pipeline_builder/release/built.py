"""Build folders of pipelines that the manifest doesn't have any more: what was deployed of them stays where it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.holdings import Holding, changed_at, weigh

KIND = "builds"


def find_left(folder: Path, handles: Collection[str], before: datetime, ours: Collection[str]) -> list[Holding]:
    """Return the folders below this one of pipelines with other handles that nothing was written into since a time.

    A folder with anything but `ours` in it, the names of what stages hand on, isn't taken for one.
    """
    return [one for one in _holdings(folder, handles, ours) if one.used < before]


def take(chosen: Iterable[Holding]) -> list[Holding]:
    """Remove folders; return them."""
    gone = [*chosen]
    for path in (path for item in gone for path in item.paths):
        remove_folder(path)
    return gone


def _holdings(folder: Path, handles: Collection[str], ours: Collection[str]) -> Iterator[Holding]:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name in handles or path.is_symlink() or not path.is_dir():
            continue
        files = [*path.iterdir()]
        if any(file.name not in ours for file in files):
            continue
        used = max(map(changed_at, (path, *files)))
        why = f"a pipeline that isn't in the manifest, written {used:%Y-%m-%d}"
        yield Holding(kind=KIND, name=path.name, paths=(path,), size=weigh([path]), used=used, why=why)
