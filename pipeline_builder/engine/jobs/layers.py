"""The view of jobs that are like each other in two parts: what all of them see, and what each has of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.inside.places import MACHINE, SHARED_MEMORY
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.view import (
    CHANGES,
    HOME,
    LINKED,
    SCRATCH,
    TMP,
    Layer,
    common_layers,
    environment_folder,
    in_order,
    masked_paths,
    own_layers,
    proc_view,
    read_only,
    system_view,
    within,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """`common` are bubblewrap's arguments for the first part; the second is made by `own`.

    A common layer that lies within a folder of the job's own, such as an interpreter in /tmp, can't be mounted before
    that, so it is of the second part as well. So is what hides a folder: it would go with that to another place, and
    hide nothing of what is made in its stead.
    """

    common: tuple[str, ...]
    processes: tuple[str, ...]
    roots: tuple[str, ...]
    layers: tuple[Layer, ...]
    covered: tuple[str, ...]

    def own(self, job: Job, scratch: Path | None) -> list[str] | None:
        """Return what is mounted for the job upon the common part, in bubblewrap's words; None where it can't be.

        Sources are without links: those would lead astray below the folder where the machine's file system is then.
        """
        own = own_layers(job, scratch)
        if not all(_is_below(place, self.roots) for place, _ in own):
            return None
        below = os.path.realpath(job.folder)
        layers = [_with_real_sources(layer, (f"{job.folder}/", f"{below}/")) for layer in own]
        return [*self.processes, *in_order([*self.layers, *layers]), *read_only(self.covered)]


def parts_of(job: Job, shims: Path | None, *, scratch: bool) -> Parts:
    """Return the view of a job, and of all with the same interpreter, folders and kinds of data, in two parts.

    With `scratch` what a job changes in its Python environment goes to a folder of its own.
    """
    environment = environment_folder(job)
    roots = (
        OPT_ML,
        TMP,
        HOME,
        SHARED_MEMORY,
        *([CHANGES] if job.overlaid else []),
        *([environment] if environment else []),
        *([SCRATCH] if environment and scratch else []),
    )
    layers, covered = common_layers(job, shims)
    later = (*roots, *covered)
    points = [(root, ["--dir", root]) for root in roots if not _is_below(root, [it for it in roots if it != root])]
    first = in_order([*(layer for layer in layers if not _is_below(layer[0], later)), *points])
    common = [*system_view(), "--proc", "/proc", "--bind", "/", MACHINE, *first, *read_only(["/"])]
    return Parts(
        tuple(common),
        tuple(proc_view()),
        roots,
        tuple(_with_real_sources(layer) for layer in layers if _is_below(layer[0], later)),
        tuple(covered),
    )


def ground_of(job: Job) -> tuple[object, ...]:
    """Return what is hidden from the job, and which files are shown by themselves, as they are at this moment.

    Where that isn't what it was, a view that was made before may show what has taken the place of what it hides.
    """
    folders = (os.path.realpath(path) if os.path.isdir(path) else "" for path in job.hidden)  # noqa: PTH112 - each step comes by here
    return (*folders, *map(_identity, masked_paths()), *map(_identity, LINKED))


def _identity(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 - each step comes by here
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _with_real_sources(layer: Layer, folder: tuple[str, str] = ("", "")) -> Layer:
    """Return the layer with sources without links; what is in `folder`, as it is given and without links, has none."""
    place, words = layer
    sources = {"--bind": (1,), "--ro-bind": (1,), "--overlay-src": (1, 3, 4)}.get(words[0], ())
    given, real = folder
    return place, [
        word if at not in sources
        else real + word.removeprefix(given) if given and word.startswith(given)
        else os.path.realpath(word)
        for at, word in enumerate(words)
    ]  # fmt: skip


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(within(path, folder) for folder in folders)
