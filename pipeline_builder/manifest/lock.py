"""The lock: which commit of every model repository a build is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, read_section
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import write_file

_IDS = {"unknown": "PB108", "missing": "PB108", "value": "PB108", "later": "PB108"}
_ID = r"^[0-9a-f]{40}([0-9a-f]{24})?$"
_HEADER = "# Written by 'pipeline-builder checkout': the commits that this build is made of.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSubmodule:
    """A submodule at its commit; `path` is that in the checkout, `url` the one that it was fetched from."""

    path: str
    url: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRepo:
    """A repository at a commit. `committed` is UTC in ISO 8601; `url` and `path` stand as in the manifest.

    `submodules` is None where they weren't asked for; `lfs` says whether the files in Git LFS are there.
    """

    name: str
    url: str
    revision: str
    commit: str
    tree: str
    committed: str
    subject: str = ""
    author: str = ""
    path: str = ""
    submodules: tuple[LockedSubmodule, ...] | None = None
    lfs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Every repository, and the commit of the manifest's own; that is empty where it is in no repository.

    `images` has the address of each image that a conf names by framework and version, by what decides it.
    """

    manifest_commit: str
    repos: tuple[LockedRepo, ...]
    manifest_dirty: bool = False
    images: Mapping[str, str] = field(default_factory=dict)


class _SubmoduleSection(Section):
    later: ClassVar[Mapping[str, str]] = {}
    path: str
    url: str
    commit: str = Field(pattern=_ID)


class _RepoSection(Section):
    later: ClassVar[Mapping[str, str]] = {}
    name: str
    url: str
    revision: str
    commit: str = Field(pattern=_ID)
    tree: str = Field(pattern=_ID)
    committed: str
    subject: str = ""
    author: str = ""
    path: str = ""
    submodules: tuple[_SubmoduleSection, ...] | None = None
    lfs: bool = False


class _LockSection(Section):
    version: int = Field(ge=1, le=1)
    manifest_commit: str
    manifest_dirty: bool = False
    repos: tuple[_RepoSection, ...]
    images: dict[str, str] = Field(default_factory=dict)


def render_lock(lock: Lock) -> str:
    """Return the lock as YAML, the same for the same commits; each value is written as JSON, which YAML reads."""
    lines = [
        "version: 1",
        f"manifest_commit: {json.dumps(lock.manifest_commit)}",
        f"manifest_dirty: {json.dumps(lock.manifest_dirty)}",
        "repos:",
    ]
    for repo in lock.repos:
        fields = [f"{key}: {json.dumps(value)}" for key, value in written(repo).items()]
        lines += [f"  - {fields[0]}", *(f"    {field}" for field in fields[1:])]
    if lock.images:
        lines.append("images:")
        lines += [f"  {json.dumps(key)}: {json.dumps(uri)}" for key, uri in sorted(lock.images.items())]
    return _HEADER + "\n".join(lines) + "\n"


def written(repo: LockedRepo) -> dict[str, JSON]:
    """Return a repository as it is written: what wasn't asked for is left out, as it was before it could be."""
    fields: dict[str, JSON] = asdict(repo)
    if repo.submodules is None:
        del fields["submodules"]
    if not repo.lfs:
        del fields["lfs"]
    return fields


def read_locked(fields: Mapping[str, Any]) -> LockedRepo:
    """Return a repository from its fields as they were written.

    Raises:
        TypeError: they are none.
    """
    found = fields.get("submodules")
    submodules = None if found is None else tuple(LockedSubmodule(**one) for one in found)
    return LockedRepo(**{**fields, "submodules": submodules})


def load_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        InputProblems: PB108 where it isn't one.
    """
    try:
        document = load_yaml(path, path.name, "PB108")
        section, problems = read_section(_LockSection, document.data, document, (), _IDS)
    except InputProblems as error:  # cut off, or overwritten
        section, problems = None, error.problems
    if section is None:
        hint = "'pipeline-builder checkout' writes it anew"
        raise InputProblems(*(Problem(id=p.id, message=p.message, place=p.place, hint=hint) for p in problems))
    return Lock(
        manifest_commit=section.manifest_commit,
        manifest_dirty=section.manifest_dirty,
        repos=tuple(read_locked(repo.model_dump()) for repo in section.repos),
        images=section.images,
    )


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock where it differs from what is there."""
    write_file(path, render_lock(lock).encode())


def keep_images(path: Path, lock: Lock, images: Mapping[str, str], *, more: bool = False) -> Lock:
    """Return the lock with the images that were resolved, and write it where they are others than before.

    With `more` other pipelines have images in it, too.
    """
    if more and images.items() <= lock.images.items():
        return lock
    images = {**load_lock(path).images, **images} if more and path.is_file() else images
    if dict(images) == dict(lock.images):
        return lock
    lock = replace(lock, images=images)
    write_lock(path, lock)
    return lock


def check_locked(lock: Lock, names: Iterable[str]) -> Lock:
    """Return the lock of repositories with these names.

    Raises:
        InputProblems: PB109, each that it hasn't.
    """
    known = {repo.name for repo in lock.repos}
    if missing := [name for name in names if name not in known]:
        raise InputProblems(*(_not_locked(name) for name in missing))
    return lock


def _not_locked(name: str) -> Problem:
    message = f"the repository '{name}' is not in the lock"
    return Problem(id="PB109", message=message, hint="run 'pipeline-builder checkout'")
