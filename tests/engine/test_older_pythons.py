"""What runs in a job is read by the image's Python, which may be an older one than this program's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.interpreters import find_interpreter
from pipeline_builder.engine.jobs.requirements import image_lines
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.errors import InputProblems
from tests.conformance.cases import load_case
from tests.conformance.test_conformance import run
from tests.places import ROOT

PACKAGE = ROOT / "pipeline_builder"
FOLDERS = ("engine/inside", "engine/standins", "definition/inside", "monitoring/inside")
# Run by this program's own Python.
OWN = ("launch.py", "usage.py", "title.py", "pid_max.py")
CASES = ("inference/four_functions", "transform/join_csv", "training/sagemaker_training", "processing/own_command")
NEWER = re.compile(r"\.remove(?:prefix|suffix)\(|zip\(.*strict=|functools\.cache\b")


def test_what_runs_in_jobs_is_for_3_8() -> None:
    for path in sorted(path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py")):
        if path.name not in OWN:
            text = path.read_text("utf-8")
            ast.parse(text, feature_version=(3, 8))
            assert not NEWER.search(text), path


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
def test_jobs_run_in_the_images_python(tmp_path: Path, version: str) -> None:
    try:
        find_interpreter(version)
    except InputProblems:
        pytest.skip(f"there is no Python {version} here")
    settings = LocalSettings(images=(("*", image_lines((), version)),), shared=(tmp_path,))
    local = open_local_target(tmp_path / "state", settings)
    for name in CASES:
        case = load_case(name)
        for uri, content in case.objects.items():
            local.store.put(uri, content)
        ended = run(local, case)
        reasons = [state.failure_reason for state in local.pipelines.list_steps(ended.arn)]
        assert ended.status.value == case.expect.status, reasons
