"""Images by framework and version, without the SDK: what the lock has is enough; `tests/sdk/test_images.py` asks the SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.images import resolve_images
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems, OutsideFailure
from tests.definition.composing import load_graph
from tests.tiny import CONF, write_model
from tests.workspaces import make_workspace

URI = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SETTINGS = build_settings(LOCAL_DEFAULTS)
FACTS = {"framework": "xgboost", "version": "1.7-1", "py_version": "py3", "base_framework_version": "b"}
KEY = {"region": "us-east-1", "scope": "training", "instance_type": "ml.m5.2xlarge"}


def conf(**image: Any) -> str:
    tree = yaml.safe_load(CONF)
    section = tree["conf"]["models"]["churn"]["train"]
    del section["image_uri"]
    section["image"] = image
    return yaml.safe_dump(tree, sort_keys=False)


def test_the_lock_answers_for_the_sdk(tmp_path: Path) -> None:
    write_model(tmp_path / "churn", conf(framework="xgboost", version="1.7-1"))
    graph = load_graph(tmp_path, "churn")
    locked = {json.dumps({**KEY, "framework": "xgboost", "version": "1.7-1"}, sort_keys=True): URI}
    found, keys = resolve_images(graph, SETTINGS, locked)
    assert (found, keys) == ({("churn", "train"): URI}, locked)
    steps = json.loads(build_definition(graph, SETTINGS, {}, found).content)["Steps"]
    assert steps[1]["Arguments"]["AlgorithmSpecification"]["TrainingImage"] == URI
    asked: list[str] = []

    def ask(wanted: Sequence[str]) -> list[Any]:
        asked.extend(wanted)
        return [{"address": URI}]

    again = resolve_images(graph, SETTINGS, dict.fromkeys(keys, ""), ask)  # nothing is no address
    assert (again, asked) == ((found, keys), [*keys])


def test_nobody_is_asked_for_what_a_transform_has(tmp_path: Path) -> None:
    tree = yaml.safe_load(CONF)
    tree["conf"]["models"]["churn"]["transform"]["image"] = {"framework": "none", "version": "1"}
    write_model(tmp_path / "churn", yaml.safe_dump(tree))
    assert resolve_images(load_graph(tmp_path, "churn"), SETTINGS, {}) == ({}, {})


@pytest.mark.parametrize("changed", FACTS)
def test_another_image_is_asked_for_anew(tmp_path: Path, changed: str) -> None:
    facts = {**FACTS, changed: "another"}
    write_model(tmp_path / "churn", conf(**facts))
    locked = {json.dumps({**KEY, **FACTS}, sort_keys=True): URI}
    asked: list[str] = []

    def ask(keys: Sequence[str]) -> list[Any]:
        asked.extend(keys)
        return [{"refused": f"Unsupported {changed}"} for _ in keys]

    with pytest.raises(InputProblems) as caught:
        resolve_images(load_graph(tmp_path, "churn"), SETTINGS, locked, ask)
    assert asked == [json.dumps({**KEY, **facts}, sort_keys=True)]
    (problem,) = caught.value.problems
    assert (problem.id, str(problem.place)[:28]) == ("PB217", "churn@1f3c9ab:conf/conf.yaml")
    assert problem.message.endswith(f": Unsupported {changed}")


def test_where_nobody_can_be_asked_each_image_is_said(tmp_path: Path) -> None:
    write_model(
        tmp_path / "churn", conf(**FACTS).replace("image_uri: example.com/tiny:1", "image: {framework: f, version: v}")
    )
    with pytest.raises(OutsideFailure) as caught:
        resolve_images(load_graph(tmp_path, "churn"), SETTINGS, {})
    assert {
        (problem.id, problem.place and "framework: " in problem.place.text) for problem in caught.value.problems
    } == {("PB915", True)}
    assert len(caught.value.problems) == 3


@pytest.mark.long
def test_commands_take_the_address_from_the_lock_and_keep_it(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=conf(framework="xgboost", version="1.7-1"))
    workspace.call("checkout")
    nowhere = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    ended = workspace.call("validate", **nowhere)
    assert ended.code == 4
    where, what = ended.err.splitlines()[1].split(" PB915 ")
    assert re.fullmatch(r"churn@[0-9a-f]{7}:conf/conf.yaml:\d+:\d+:", where)
    assert what.startswith("the environment of the SageMaker SDK 2.")
    assert "hint: look at the network" in ended.err
    workspace.push("conf/conf.yaml", conf(framework="xgboost", version="1.7-1").replace("ModelRepack", "ModelRepak"))
    workspace.call("checkout")
    ended = workspace.call("validate", **nowhere)  # what is wrong with the input is said first, and decides
    assert (ended.code, "PB202" in ended.err) == (1, True)
    workspace.push("conf/conf.yaml", conf(framework="xgboost", version="1.7-1"))
    workspace.call("checkout")
    lock = tmp_path / "build" / "model_repos.lock.yaml"
    key = json.dumps({**KEY, "framework": "xgboost", "version": "1.7-1"}, sort_keys=True)
    lock.write_text(f"{lock.read_text()}images:\n  {json.dumps(key)}: {json.dumps(URI)}\n")
    assert workspace.run("build").code == 0
    assert URI in (tmp_path / "build" / "pipeline_definition.json").read_text()
    workspace.call("checkout")
    assert URI in lock.read_text()
