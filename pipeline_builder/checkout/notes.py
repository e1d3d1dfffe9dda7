"""Notes: what a checkout made of a repository's folder, for the next one; without it the folder is made anew."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pipeline_builder.manifest.lock import LockedRepo, read_locked, written
from pipeline_builder.manifest.manifest import Repo

_OF = "@"
_FORM = 3
"""Of what an export writes; what another form has written isn't taken for the same."""


def stem_of(repo: str, training: Path, cache: Path) -> str:
    """Return what the files are called that know a repository's folder below `training`, beside its bare repository.

    A state that isn't the workspace's own may be that of several: what one has checked out says nothing of another's.
    """
    folder = training.parent.resolve() / training.name
    if folder.parent in cache.resolve().parents[:2]:
        return repo
    return f"{repo}{_OF}{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def list_notes(cache: Path) -> dict[str, list[Path]]:
    """Return the notes on each repository's folders, of every workspace that there are some of."""
    found: dict[str, list[Path]] = {}
    for path in sorted(cache.glob("*.json")):
        found.setdefault(path.stem.partition(_OF)[0], []).append(path)
    return found


def is_of_nothing(note: Path) -> bool:
    """Tell whether a note is on a folder of another workspace that isn't there any more."""
    try:
        folder = json.loads(note.read_text()).get("folder")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
    return isinstance(folder, str) and not os.path.lexists(folder)


def read_note(path: Path, repo: Repo) -> tuple[LockedRepo | None, str]:
    """Return what the last checkout made of the folder, and the folder's stamp then, empty where it has none.

    None where there was no checkout, what it noted is damaged, or the manifest wants something else in the folder now.
    """
    try:
        noted = json.loads(path.read_text())
        if noted["form"] != _FORM or noted.get("asked", "") != _asked(repo):
            return None, ""
        return read_locked(noted["locked"]), str(noted.get("stamp", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, ""


def write_note(
    path: Path, repo: Repo, facts: LockedRepo, *, folder: Path, kept: Iterable[str] | None = None, stamp: str = ""
) -> None:
    """Note what is in the `folder`, where that isn't noted already.

    `kept` is what else in the cache it was made of; None for a folder that stays as it was.
    """
    noted: dict[str, object] = {"form": _FORM, "tree": facts.tree, "locked": written(facts)}
    if asked := _asked(repo):
        noted |= {"asked": asked, "kept": [*kept] if kept is not None else sorted(read_kept(path))}
    if path.stem != repo.name:
        noted["folder"] = os.fspath(folder.resolve())
    text = json.dumps(noted | ({"stamp": stamp} if stamp else {}))
    if path.is_file() and path.read_text() == text:
        return
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)


def read_kept(path: Path) -> frozenset[str]:
    """Return what else in the cache a folder was made of: names of submodules' repositories, SHA-256 of objects."""
    try:
        return frozenset(str(one) for one in json.loads(path.read_text()).get("kept", ()))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return frozenset()


def content_of(facts: LockedRepo) -> tuple[object, ...]:
    """Return what two checkouts have in common whose folders have the same files."""
    return facts.tree, facts.lfs, facts.submodules


def _asked(repo: Repo) -> str:
    """Return what the manifest says of submodules and LFS: another word on it, and nothing of before holds."""
    asked = repo.submodules or repo.lfs
    return repr((repo.submodules, repo.lfs, sorted(map(repr, repo.hosts.items())))) if asked else ""
