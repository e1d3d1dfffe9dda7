"""Temporary folders: gone with their command, and those of a killed one with the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

HOLD = """\
from pipeline_builder.machine.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "content").write_text("half")
    print(folder, flush=True)
    input()
"""


def start(where: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, "TMPDIR": str(where), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="kills are tried where services run")
def test_what_a_killed_command_has_left_is_removed_by_the_next_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    killed, left = start(tmp_path)
    living, used = start(tmp_path)
    other = tmp_path / "pipeline-builder-of-somebody"
    other.mkdir()
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert (left / "content").exists()
    last, own = start(tmp_path)
    assert {*tmp_path.iterdir()} == {used, own, other}
    end(last)
    end(living)
    assert {*tmp_path.iterdir()} == {other}
