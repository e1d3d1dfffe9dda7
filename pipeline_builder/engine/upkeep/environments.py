"""Environments that no job has used for a long time, and what uv has kept of its downloads for them."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pipeline_builder.engine.jobs.environments import DOWNLOADS
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.holdings import Holding, changed_at, weigh

KIND = "environments"
_KEY = re.compile("[0-9a-f]{32}")
_CACHE = "cache"


def find_unused(folder: Path, before: datetime, *, bound: int | None, busy_since: datetime | None) -> list[Holding]:
    """Return the environments that were used last before a time; of more bytes than the bound others too, oldest first.

    Those that were used since `busy_since`, when the oldest execution that goes on began, are in use.
    """
    if folder.is_symlink() or not folder.is_dir():
        return []
    found = sorted((_holding(path) for path in folder.iterdir() if _is_own(path)), key=lambda one: one.used)
    total = sum(one.size for one in found)
    unused: list[Holding] = []
    for one in found:
        idle = busy_since is None or one.used < busy_since
        if idle and (one.used < before or (bound is not None and total > bound and one is not found[-1])):
            unused.append(one)
            total -= one.size
    return [*unused, *_downloads(folder, before)]


def _holding(path: Path) -> Holding:
    ready = path / "ready"
    used = changed_at(ready if ready.is_file() else path)
    why = f"last used {used:%Y-%m-%d}" if ready.is_file() else f"was never finished ({used:%Y-%m-%d})"
    return Holding(kind=KIND, name=path.name, paths=(path,), size=weigh([path]), used=used, why=why)


def _is_own(path: Path) -> bool:
    return bool(_KEY.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _downloads(folder: Path, before: datetime) -> Iterator[Holding]:
    """Yield uv's cache where nothing has been made of it since."""
    cache, lock = folder / _CACHE, folder / DOWNLOADS
    if cache.is_dir() and not cache.is_symlink():
        used = changed_at(lock if lock.exists() else cache)
        if used < before:
            why = f"downloads, last used {used:%Y-%m-%d}"
            yield Holding(kind=KIND, name=_CACHE, paths=(cache,), size=weigh([cache]), used=used, why=why)


def is_environment(name: str) -> bool:
    """Tell whether a name in the folder of environments is this program's."""
    stem = name.removesuffix(".lock")
    return bool(_KEY.fullmatch(stem)) or stem == _CACHE or name in ("wheels", "built")


def take_environment(holding: Holding) -> bool:
    """Remove an environment unless somebody has it now, or has used it since it was found; tell whether it is gone."""
    (folder,) = holding.paths
    with _tried(folder.with_suffix(".lock")) as held:
        if not held:
            return False
        ready, gone = folder / "ready", folder / "ready.gone"
        if ready.is_file():
            ready.rename(gone)  # whoever comes now waits for the lock
            if changed_at(gone) > holding.used:
                gone.rename(ready)
                return False
        remove_folder(folder)
    return True


@contextmanager
def _tried(lock: Path) -> Iterator[bool]:
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
