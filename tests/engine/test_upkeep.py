"""Environments that go: those that nobody has used for long, and never one that somebody has just asked for."""

from __future__ import annotations

import fcntl
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.upkeep.environments import find_unused, take_environment

NOW = datetime.now(timezone.utc)
LONG_AGO = (NOW - timedelta(days=90)).timestamp()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return an environment that was used a long time ago, as far as anybody looks at it."""
    folder = tmp_path / ("0" * 32)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("")
    (folder / "ready").write_text("{}")
    os.utime(folder / "ready", (LONG_AGO, LONG_AGO))
    return folder


def unused(folder: Path, *, bound: int | None = None, busy: datetime | None = None) -> list[str]:
    before = NOW - timedelta(days=30)
    return [item.name for item in find_unused(folder.parent, before, bound=bound, busy_since=busy)]


def test_what_is_used_now_is_not_taken(made: Path) -> None:
    (item,) = find_unused(made.parent, NOW - timedelta(days=30), bound=None, busy_since=None)
    os.utime(made / "ready")  # as whoever gets it does
    assert not take_environment(item)
    assert (made / "ready").is_file()
    assert unused(made) == []


def test_what_is_being_made_or_locked_is_not_taken(made: Path) -> None:
    (item,) = find_unused(made.parent, NOW - timedelta(days=30), bound=None, busy_since=None)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not take_environment(item)
    assert take_environment(item)
    assert not made.exists()


def test_an_execution_that_began_before_its_last_use_has_it(made: Path) -> None:
    assert unused(made) == [made.name]
    assert unused(made, busy=NOW - timedelta(days=100)) == []


@pytest.mark.long
def test_asking_for_one_notes_that_it_is_used(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "envs", whole=False)
    python = environments.get((), observe=lambda _: None)
    ready = python.parent.parent / "ready"
    os.utime(ready, (LONG_AGO, LONG_AGO))
    environments.get((), observe=lambda _: None)
    assert ready.stat().st_mtime > NOW.timestamp() - 60
