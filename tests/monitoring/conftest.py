"""One process of an image's packages, which all of these tests look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.cases import CASES
from tests.monitoring.jobs import MEASURED, Ended, image_python, made_once, read_cases, run_cases


@pytest.fixture(scope="session")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which every case has run."""
    python = image_python(tmp_path_factory)
    with made_once(tmp_path_factory, "jobs") as (folder, is_there):
        if not is_there:
            run_cases(python, folder, CASES, measured=str(folder / MEASURED))
    return folder


@pytest.fixture(scope="session")
def ended(driven: Path) -> dict[str, Ended]:
    """Return how each has ended."""
    return read_cases(driven, CASES)


@pytest.fixture(scope="session")
def measured(driven: Path) -> Any:
    """Return the statistics, ours and the library's."""
    return json.loads((driven / MEASURED).read_text())
