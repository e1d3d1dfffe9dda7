"""Handlers under AWS's toolkits and here: the same programs and requests, what they get and what is answered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.errors import OutsideFailure
from tests.engine.environments import shared_environments
from tests.engine.toolkits.probes import DIFFERENT, PROBES

LAYER = (
    "sagemaker-inference==1.10.1", "multi-model-server==1.1.11", "sagemaker-containers==2.8.6.post2",
    "protobuf==3.20.3", "Werkzeug<2.1", "Jinja2<3.1", "itsdangerous<2.1", "MarkupSafe<2.1", "setuptools<81",
    "numpy<2.3",
)  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    try:
        python = Environments(shared_environments(tmp_path_factory), whole=False).get((LAYER,), observe=lambda _: None)
    except OutsideFailure as failure:
        pytest.skip(f"the toolkits can't be installed here: {failure}")
    folder = tmp_path_factory.mktemp("probes")
    (folder / "probes.json").write_text(json.dumps(PROBES))
    script = Path(__file__).with_name("probing.py")
    command = [str(python), str(script), str(Path(transform.__file__).parent), str(folder / "probes.json"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.long
def test_what_handlers_get_and_what_is_answered(results: list[dict[str, Any]]) -> None:
    compared = 0
    different: dict[str, Any] = {}
    for probe, result in zip(PROBES, results, strict=True):
        theirs, ours = result["theirs"], result["ours"]
        pairs = [("seen", theirs["seen"], ours["seen"]), ("load", "load" in theirs, "load" in ours)]
        answers = zip(theirs.get("answers", []), ours.get("answers", []), strict=False)
        pairs += [(f"request {number}", *pair) for number, pair in enumerate(answers)]
        compared += len(pairs)
        different |= {f"{probe['name']}: {what}": (a, b) for what, a, b in pairs if a != b}
    unexplained = {name: pair for name, pair in different.items() if name not in DIFFERENT}
    assert unexplained == {}
    assert set(different) == set(DIFFERENT), "a difference that is explained is none any more"
    assert compared >= 150, compared
