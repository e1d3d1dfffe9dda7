"""`image:` in a conf, resolved by the SDK's own data in its own environment."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.images import resolve_images
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems
from pipeline_builder.scaffold.skeleton import FRAMEWORKS, NewModel, load_regions
from tests.definition.composing import load_graph
from tests.definition.oracle.environment import run_in_sdk
from tests.tiny import variant, write_model

XGBOOST = "        image: {framework: xgboost, version: 1.7-1}\n        entry_point: train.py\n"
UNKNOWN = "        image: {framework: xgboost, version: '99'}\n        entry_point: train.py\n"
WRITTEN = "        image_uri: example.com/tiny:1\n        entry_point: train.py\n"
SERVED = "          image_uri: example.com/tiny:1\n"
MODEL = NewModel(
    name="churn", description="x", framework=FRAMEWORKS["sklearn"], task="classification", region="", account="",
    instance_type="ml.m5.large", metric="auc", low=0.7, high=None, anchor=True, pipeline="churn", ci="none",
)  # fmt: skip
SKLEARN = "          image: {framework: sklearn, version: 1.2-1, py_version: py3}\n"


def resolve(version: str, folder: Path, conf: str, region: str) -> Any:
    path = write_model(folder / "churn", conf) / "conf" / "conf.yaml"
    output = folder / "images.json"
    run_in_sdk(version, "tests.definition.oracle.resolve_images", str(path), str(output), region, home=folder)
    return json.loads(output.read_text())


@pytest.mark.long
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_address_is_the_regions_own(tmp_path: Path, version: str) -> None:
    conf = variant((WRITTEN, XGBOOST), (SERVED, SKLEARN))
    assert resolve(version, tmp_path, conf, "eu-central-1") == {
        "train": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "registry": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    }


@pytest.mark.long
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_an_image_that_the_sdk_does_not_know_is_a_problem(tmp_path: Path, version: str) -> None:
    (problem,) = resolve(version, tmp_path, variant((WRITTEN, UNKNOWN)), "local").items()
    assert problem[0] == "PB217"
    assert problem[1].startswith("the SageMaker SDK knows no image of xgboost 99: Unsupported xgboost version: 99.")


@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is not None, reason="the SDK is installed here")
def test_without_the_sdk_it_is_asked_for(tmp_path: Path) -> None:
    write_model(tmp_path / "churn", variant((WRITTEN, XGBOOST)))
    with pytest.raises(InputProblems) as caught:
        resolve_images(load_graph(tmp_path, "churn"), build_settings(LOCAL_DEFAULTS), {})
    (problem,) = caught.value.problems
    assert (problem.id, problem.hint) == ("PB217", "pip install 'sagemaker<3', or write the address as image_uri")
    assert problem.place is not None
    assert "image: {framework: xgboost" in problem.place.text


@pytest.mark.long
def test_the_images_of_new_models_are_those_of_the_sdk(tmp_path: Path) -> None:
    output = tmp_path / "regions.json"
    run_in_sdk("v2", "tests.definition.oracle.list_regions", str(output), home=tmp_path)
    theirs = json.loads(output.read_text())
    ours = {}
    for name in ("sklearn", "xgboost"):
        for region, account in load_regions().items():
            model = replace(MODEL, framework=FRAMEWORKS[name], region=region, account=account)
            ours[f"{name} {region}"] = model.image.replace(":1.7-1-cpu-py3", ":1.7-1")
    assert ours == theirs
