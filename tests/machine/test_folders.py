"""Folders of any depth: walked through up to a limit, removed whatever they are."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.folders import MOST_FOLDERS, remove_folder, sweep_folder
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


@pytest.mark.long
@pytest.mark.parametrize("depth", [MOST_FOLDERS + 1, 1200, 5000])
def test_deeper_ones_are_a_problem_and_can_be_swept(tmp_path: Path, depth: int) -> None:
    deep = tmp_path / "model"
    deep.mkdir()
    dig(deep, depth)
    with pytest.raises(InputProblems, match="below 'model' more than 256 folders lie in each other"):
        survey(Tree(root=tmp_path, below="model", shown="model"))
    sweep_folder(deep)
    assert not deep.exists()


@pytest.mark.long
def test_a_training_that_digs_fails_its_step_and_the_next_run_passes(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.push("scripts/train.py", TRAIN + DIG.format(depth=1200))
    ended = workspace.run("up", "--approve")
    assert ended.code == 5
    assert "more than 256 folders lie in each other" in ended.err
    workspace.push("scripts/train.py", TRAIN)
    assert workspace.run("up", "--approve").code == 0
    sweep_folder(tmp_path)  # pytest itself can't


# --- what may not be written


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """Give a folder that an ordinary user can reach and write in; root is refused nothing."""
    folder = Path(tempfile.mkdtemp(prefix="folders-", dir="/tmp"))  # that of the tests is closed to others
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def as_ordinary(folder: Path) -> str:
    """Remove a folder as an ordinary user; return what refuses it."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if not os.getuid():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            try:
                remove_folder(folder)
            except OSError as error:
                os.write(write, f"{error.strerror}: {error.filename}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as said:
        return said.read()


@pytest.mark.parametrize("mode", [0o555, 0o400, 0o000])
def test_ones_own_folder_is_removed_whatever_its_mode(everybodys: Path, mode: int) -> None:
    (everybodys / "one" / "in" / "two").mkdir(parents=True)
    (everybodys / "one" / "in" / "two" / "file").write_text("")
    for name in ("one/in/two/file", "one/in/two", "one/in", "one"):
        if not os.getuid():
            os.chown(everybodys / name, 65534, 65534)
        (everybodys / name).chmod(mode)
    assert as_ordinary(everybodys / "one") == ""
    assert [*everybodys.iterdir()] == []


@pytest.mark.skipif(os.getuid() != 0, reason="takes two users")
def test_another_users_folder_is_named_and_its_mode_stays(everybodys: Path) -> None:
    theirs = everybodys / "one" / "__pycache__"
    theirs.mkdir(parents=True)
    (theirs / "x.pyc").write_text("")
    os.chown(everybodys / "one", 65534, 65534)
    theirs.chmod(0o555)
    assert as_ordinary(everybodys / "one") == f"Permission denied: {everybodys}/one/…/x.pyc"
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o555
