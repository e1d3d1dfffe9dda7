"""Left out: what is in a repository and isn't in its checkout as its authors have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline_builder.checkout.folders import begins_with
from pipeline_builder.checkout.git import Measured
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Repo

_LFS = b"version https://git-lfs.github.com/spec/"
_SHOWN = 5


def left_out(repo: Repo, folder: Path, measured: Measured) -> Iterator[Problem]:
    """Yield a warning for each kind of it."""
    name = repo.name
    pointers = [path for path in measured.small if begins_with(folder / path, _LFS)]
    ungiven = "its .gitattributes doesn't give them to LFS: 'git lfs track' does" if repo.lfs else None
    for problem_id, what, paths, hint in (
        (
            "PB158",
            f"the repository '{name}' has submodules, which are left out",
            measured.submodules,
            "'submodules: true' in its entry of the manifest brings them",
        ),
        (
            "PB162",
            f"the repository '{name}' has links, which become files with the target in them",
            measured.links,
            None,
        ),
        (
            "PB163",
            f"the repository '{name}' has files in Git LFS, of which there are only the pointers",
            pointers,
            ungiven or "'lfs: true' in its entry of the manifest brings them",
        ),
    ):
        if paths:
            message = f"{what}: {', '.join(paths[:_SHOWN])}{', …' if len(paths) > _SHOWN else ''}"
            yield Problem(id=problem_id, message=message, place=repo.place, hint=hint, warning=True)
