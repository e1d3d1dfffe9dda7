"""Files that are written whole: what a killed writer has left beside one goes with the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline_builder.machine.streams import replacing, write_file
from tests.places import ROOT

HOLD = """\
import sys
from pathlib import Path
from pipeline_builder.machine.streams import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("begun", flush=True)
    input()
"""


def test_what_a_killed_writer_has_left_is_removed_by_the_next_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    path, other = tmp_path / "run.json", tmp_path / ".run.json.of-somebody"
    other.touch()
    os.mkfifo(tmp_path / ".run.json.fifofifo")
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout
    assert writer.stdout.readline() == b"begun\n"
    with replacing(path) as file:
        file.write(b"at the same time")
    half = {found.name for found in tmp_path.iterdir()} - {path.name, other.name}
    assert (len(half), path.read_bytes()) == (1, b"at the same time")
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    assert write_file(path, b"whole")
    assert {found.name for found in tmp_path.iterdir()} == {path.name, other.name}
    assert path.read_bytes() == b"whole"


def test_many_who_write_a_file_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    def write(who: int) -> None:
        for number in range(100):
            write_file(tmp_path / "report.html", f"{who} {number}".encode())

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]
