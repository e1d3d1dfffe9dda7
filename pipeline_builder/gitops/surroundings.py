"""What a watch is handed: how files are read, what runs, whom it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.aws.polling import Clock
from pipeline_builder.checkout.heads import Inputs
from pipeline_builder.errors import Problem
from pipeline_builder.gitops.due import Due, Known
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.target import Target
from pipeline_builder.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A workspace and its manifest, as they were when the files were last in order.

    `only` is the handle of the pipeline that the watch is about; empty where it is about all.
    """

    workspace: Workspace
    manifest: Manifest
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run ended: its exit code, and what tells it to whoever reads the results."""

    code: int
    tell: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a watch needs for what starts pipelines besides pushes: their target, what their confs say of them.

    `start` does a run of a pipeline that is due, at the commits of these inputs. `wall` is the time in seconds since
    1970.
    """

    target: Callable[[Loaded], Target]
    known: Callable[[Loaded], tuple[Known, ...]]
    start: Callable[[Loaded, Inputs, Due], Ran]
    wall: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a watch is handed: `load` reads the files anew, `run` does a run of these inputs.

    `files` are looked at for changes: those by their content, `private` ones by time and size, because what is noted of
    them must tell nothing. `say` gets a line for people, `report` problems. Without `besides` only pushes start runs.
    """

    files: tuple[Path, ...]
    private: tuple[Path, ...]
    load: Callable[[], Loaded]
    run: Callable[[Loaded, Inputs], Ran]
    say: Callable[[str], None]
    report: Callable[[Iterable[Problem]], None]
    clock: Clock = field(default_factory=Clock)
    besides: Around | None = None
