"""The interpreter's Python and its process: brought by the lock, said where it can't be, lost and found again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pipeline_builder
from pipeline_builder.service.rehearsal.waiting.interpreting import Process, find_python, read_lock
from tests.places import ROOT


def test_this_python_is_taken_where_the_extra_is_installed(tmp_path: Path) -> None:
    assert find_python(tmp_path / "envs", lambda _: None) == Path(sys.executable)
    assert not (tmp_path / "envs").exists()


def test_a_lock_is_read_a_requirement_a_line() -> None:
    lines = read_lock((ROOT / "requirements-rehearse.txt").read_text())
    assert any(line.startswith("moto==") for line in lines)
    assert any(line.startswith("antlr4-python3-runtime==") for line in lines)
    assert all("--hash=sha256:" in line and "\\" not in line and "#" not in line for line in lines)


@pytest.mark.long
def test_an_installed_package_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    package = Path(pipeline_builder.__file__).parent
    shutil.copytree(package, tmp_path / "pipeline_builder", ignore=shutil.ignore_patterns("__pycache__"))
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["antlr4"] = None
from pathlib import Path
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.service.rehearsal.waiting.interpreting import find_python
try:
    find_python(Path("envs"), print)
except OutsideFailure as failure:
    print(failure.problems[0].id, failure.problems[0].hint)
"""
    done = subprocess.run([sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "PB679 pip install 'pipeline_builder[rehearse]'\n"


@pytest.mark.long
def test_a_clone_without_it_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "antlr4", None)
    said = list[str]()
    python = find_python(tmp_path / "envs", said.append)
    assert said == ["an environment is made for what interprets state machines (moto), once on this machine"]
    assert python.is_relative_to(tmp_path)
    program = ROOT / "pipeline_builder" / "service" / "rehearsal" / "waiting" / "interpreter.py"
    code = f"import runpy; runpy.run_path({str(program)!r})['_install']()"
    subprocess.run([str(python), "-I", "-c", code], check=True)
    assert find_python(tmp_path / "envs", said.append) == python
    assert len(said) == 1


def test_a_process_that_is_lost_is_told_and_started_again(tmp_path: Path) -> None:
    lost = list[str]()
    process = Process(Path("/bin/false"), tmp_path, lost.append)
    for number in (1, 2):
        process.begin({"name": "one"})
        deadline = time.monotonic() + 20
        while len(lost) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        while process.running and time.monotonic() < deadline:
            time.sleep(0.01)
    process.end()
    assert lost == ["exit code 1", "exit code 1"]
