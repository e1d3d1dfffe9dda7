"""What a container of an inference pipeline leaves for the next one leads nowhere, and is read by nobody but that."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.transforming import hand_on
from pipeline_builder.errors import InputProblems

SECRET = "nobody's business"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The first container's job folder, the second's, and a file that is neither's."""
    one, two, secret = tmp_path / "one", tmp_path / "two", tmp_path / "secrets" / "0"
    for folder in (one / "ml" / "batch", two / "ml" / "batch", secret.parent):
        folder.mkdir(parents=True)
    secret.write_text(SECRET)
    return one, two, secret


def link_a_file(batch: Path, secret: Path) -> None:
    (batch / "handed").mkdir()
    (batch / "handed" / "0").symlink_to(secret)


def link_the_folder(batch: Path, secret: Path) -> None:
    (batch / "handed").symlink_to(secret.parent)


def link_the_folder_above(batch: Path, secret: Path) -> None:
    (secret.parent / "handed").mkdir()
    (secret.parent / "handed" / "0").write_text(SECRET)
    batch.rmdir()
    batch.symlink_to(secret.parent)


def make_a_pipe(batch: Path, secret: Path) -> None:
    (batch / "handed").mkdir()
    os.mkfifo(batch / "handed" / "0")


@pytest.mark.parametrize("attack", [link_a_file, link_the_folder, link_the_folder_above, make_a_pipe])
def test_no_way_out(folders: tuple[Path, Path, Path], attack: Callable[[Path, Path], None]) -> None:
    one, two, secret = folders
    attack(one / "ml" / "batch", secret)
    try:
        handed = hand_on(one, two)
    except InputProblems as refused:
        assert refused.problems[0].id == "PB550"
    else:
        assert not handed
    assert not any(SECRET in path.read_text() for path in two.rglob("*") if path.is_file())


def test_names_are_numbers_only(folders: tuple[Path, Path, Path]) -> None:
    one, two, _ = folders
    handed = one / "ml" / "batch" / "handed"
    (handed / "deep").mkdir(parents=True)
    for name in ("0", "-1", "1e3", "\u0663x", "deep/1"):
        (handed / name).write_text("x")
    assert hand_on(one, two)
    assert [str(path.relative_to(two)) for path in two.rglob("*") if path.is_file()] == ["ml/batch/given/0"]
