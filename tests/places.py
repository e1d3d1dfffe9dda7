"""Where things are, for tests in whatever folder."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder that all processes of a test run have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def with_uv(path: str) -> str:
    """Return the PATH with our uv in front: a set-up takes a uv that is there, and has not to bring one by pip."""
    folder = ROOT / ".pipeline_builder" / "uv"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    return f"{folder}:{path}"
