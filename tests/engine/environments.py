"""Environments of jobs that many tests share, instead of each state making its own."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.environments import Environments
from tests.places import ROOT, folder_of_run


def share_environment(state: Path) -> None:
    """Give the state the environment without packages, which is made once for this checkout."""
    folder = state / "envs"
    if folder.is_dir() and any(folder.iterdir()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _made().name).symlink_to(_made())


def shared_environments(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of environments with packages: the first test of a run that asks for one has it made there."""
    folder = folder_of_run(factory) / "envs"
    folder.mkdir(exist_ok=True)
    # They are for tests alone, which write into none: gigabytes that aren't copied out of uv's cache.
    os.environ.setdefault("UV_LINK_MODE", "hardlink")
    return folder


def share_environments(state: Path, factory: pytest.TempPathFactory) -> None:
    """Let the state, which doesn't exist yet, make its environments where all of a run are."""
    state.mkdir(parents=True)
    (state / "envs").symlink_to(shared_environments(factory))


@functools.cache
def _made() -> Path:
    # Where processes of tests that know of no test run, and may be killed, find it too.
    folder = ROOT / ".pipeline_builder" / "tests"
    return Environments(folder).get((), observe=lambda _: None).parent.parent
