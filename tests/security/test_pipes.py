"""A job that puts something else in the place of its pipes: the engine writes to nothing but a pipe of the folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.pipes import Stream, flowing
from pipeline_builder.engine.state.elsewhere import Elsewhere
from pipeline_builder.errors import InputProblems


def content(_: int) -> Iterator[bytes]:
    yield b"payload"


def put_link(pipe: Path, victim: Path) -> None:
    pipe.unlink()
    pipe.symlink_to(victim)


def put_file(pipe: Path, victim: Path) -> None:
    pipe.unlink()
    os.link(victim, pipe)


def put_folder(pipe: Path, victim: Path) -> None:
    pipe.parent.rename(pipe.parent.with_name("moved"))
    pipe.parent.symlink_to(victim.parent)


@pytest.mark.parametrize("attack", [put_link, put_file, put_folder])
def test_nothing_but_a_pipe_is_written_to(tmp_path: Path, attack: Callable[[Path, Path], None]) -> None:
    victim = tmp_path / "home" / "train_0"
    victim.parent.mkdir()
    victim.write_text("mine")
    folder = tmp_path / "job" / "data"
    with flowing([Stream(name="train", folder=folder, content=content)]):
        attack(folder / "train_0", victim)
        time.sleep(0.1)
    assert victim.read_text() == "mine"
    assert sorted(path.name for path in victim.parent.iterdir()) == ["train_0"]


@pytest.mark.parametrize("address", ["filesystem://fs-1/../home", "filesystem://fs-1//x", "filesystem://fs-1/link"])
def test_no_path_leads_out_of_a_folder_that_stands_for_a_file_system(tmp_path: Path, address: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secret").write_text("mine")
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "link").symlink_to(tmp_path / "home")
    elsewhere = Elsewhere({"filesystem://fs-1": tmp_path / "fs"})
    left_out: list[str] = []
    try:
        found = elsewhere.objects(address, left_out)
    except InputProblems as error:
        assert "PB562" in str(error)
    else:
        assert not found
        assert left_out
