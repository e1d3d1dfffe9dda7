"""The supervisor's start: what it imports is counted in milliseconds of each step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.engine.inside import kernel
from pipeline_builder.engine.jobs.isolation import launcher

_SHOWN = """
import sys; sys.path.insert(0, sys.argv[1]); import launch, kernel
if sys.platform == "linux":
    kernel.prctl(kernel.SET_DUMPABLE, 0)
print(*sorted(set(sys.modules) & {"contextlib", "enum", "signal", "collections", "ctypes", "re", "typing", "subprocess"}))
"""


def test_the_supervisor_imports_nothing_that_takes_long() -> None:
    python, *_, folder = launcher()
    done = subprocess.run([python, "-I", "-S", "-c", _SHOWN, folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_prctl_does_the_same_with_and_without_the_package() -> None:
    for find in (kernel._found, kernel._from_ctypes):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import kernel; "
            f"print(kernel.{find.__name__}()(kernel.SET_DUMPABLE, 0, 0, 0, 0))"
        )
        python, *_, folder = launcher()
        done = subprocess.run([python, "-I", "-S", "-c", code, folder], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "0"
    with pytest.raises(OSError, match="prctl 4 was refused"):
        kernel.prctl(kernel.SET_DUMPABLE, 77)


def test_suppress_lets_other_errors_through() -> None:
    with kernel.suppress(OSError):
        Path("/nowhere/at/all").read_bytes()
    with pytest.raises(ValueError, match="no"), kernel.suppress(OSError):
        raise ValueError("no")
