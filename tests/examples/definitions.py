"""What every shipped example is held to: its golden definition, and scripts that know nothing of where they run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipeline_builder.conf.conf import ModelConf, load_conf
from pipeline_builder.conf.graph import read_graph
from pipeline_builder.conf.sdk import MadeSteps
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.composing import load_confs
from tests.places import GOLDEN, ROOT

EXAMPLES = ROOT / "examples"
_GOLDEN = GOLDEN / "examples"


def check_golden(name: str, folder: Path, *repos: str, made: Mapping[str, MadeSteps] | None = None) -> None:
    """Compose the repositories below the folder, with what factories have made; compare with the golden file, where hashes of code are left out."""
    _check(name, load_confs(folder, *repos), folder, made)


def check_inference_golden(name: str, folder: Path, repo: str) -> None:
    """Compose the inference conf of a repository, and compare as `check_golden` does."""
    path = folder / repo / "conf" / "inference.yaml"
    label = f"{repo}:conf/inference.yaml"
    conf = load_conf(path, label=label, repo=repo, folder=folder / repo, values=LOCAL_DEFAULTS, kind="inference")
    _check(name, [conf], folder, None)


def _check(name: str, confs: Sequence[ModelConf], folder: Path, made: Mapping[str, MadeSteps] | None) -> None:
    graph, problems = read_graph(confs, training_dir=folder, made=made)
    assert graph is not None
    assert problems == []
    repos = [conf.repo for conf in confs]
    definition = build_definition(graph, build_settings(LOCAL_DEFAULTS, {}), {repo: repo for repo in repos})
    found = json.loads(definition.content)
    assert check_definition(found) == ()
    pretty = re.sub(r"\b[0-9a-f]{64}\b", "<hash>", json.dumps(found, indent=1, sort_keys=True)) + "\n"
    golden = _GOLDEN / f"{name}.json"
    if not golden.exists():
        golden.write_text(pretty)
        pytest.fail(f"{golden} was written; read it")
    assert pretty == golden.read_text()


def check_scripts(example: Path) -> None:
    """Scripts are of the containers' world alone, and fit for the Python 3.8 of older images."""
    scripts = sorted(example.rglob("scripts/*.py"))
    assert scripts
    for script in scripts:
        text = script.read_text()
        assert "pipeline_builder" not in text, script
        assert not re.search(r"\blocal\b", text), script
        assert 'default="/opt/ml' not in text, script  # not every machine has one to give
        ast.parse(text, feature_version=(3, 8))
