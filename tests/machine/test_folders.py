"""Folders of any depth: walked through up to a limit, removed whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.folders import MOST_FOLDERS, sweep_folder
from pipeline_builder.machine.tree import Tree, render_some, survey
from tests.tiny import TRAIN
from tests.workspaces import make_workspace

DIG = """
os.chdir(os.environ["SM_MODEL_DIR"])
for _ in range({depth}):
    os.mkdir("d")
    os.chdir("d")
Path("x").write_text("x")
"""


def dig(folder: Path, depth: int) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)


def test_files_are_in_the_order_of_their_paths_without_links(tmp_path: Path) -> None:
    for name in ("b/x", "a-b", "a/y", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to("c")
    (tmp_path / "folder").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    found = survey(Tree(root=tmp_path))
    assert found.files == ["a/y", "a-b", "b/x", "c"]
    assert render_some(found.left_out) == "'folder' (a link), 'link' (a link), 'pipe' (a pipe)"


@pytest.mark.parametrize("depth", [MOST_FOLDERS + 1, 1200, 5000])
def test_deeper_ones_are_a_problem_and_can_be_swept(tmp_path: Path, depth: int) -> None:
    deep = tmp_path / "model"
    deep.mkdir()
    dig(deep, depth)
    with pytest.raises(InputProblems, match="below 'model' more than 256 folders lie in each other"):
        survey(Tree(root=tmp_path, below="model", shown="model"))
    sweep_folder(deep)
    assert not deep.exists()


def test_a_training_that_digs_fails_its_step_and_the_next_run_passes(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.push("scripts/train.py", TRAIN + DIG.format(depth=1200))
    ended = workspace.run("up", "--approve")
    assert ended.code == 5
    assert "more than 256 folders lie in each other" in ended.err
    workspace.push("scripts/train.py", TRAIN)
    assert workspace.run("up", "--approve").code == 0
    sweep_folder(tmp_path)  # pytest itself can't
