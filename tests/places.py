"""Where things are, for tests in whatever folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
SOAKS = bool(os.environ.get("PIPELINE_BUILDER_SOAK"))
"""Whether what takes too long for each change is tried as well: `scripts/soak tests`."""
ENVIRONMENTS = ROOT / ".pipeline_builder" / "tests" / "runs"


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder that all processes of a test run have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def environments_of_run(folder: Path) -> Path:
    """Return where a run has its environments with packages, by its folder: on the disk, wherever that lies.

    They have gigabytes, which are links into uv's cache there and would be copies in memory.
    """
    return ENVIRONMENTS / hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def with_uv(path: str) -> str:
    """Return the PATH with our uv in front: a set-up takes a uv that is there, and has not to bring one by pip."""
    folder = ROOT / ".pipeline_builder" / "uv"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    return f"{folder}:{path}"
