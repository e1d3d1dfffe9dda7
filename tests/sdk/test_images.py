"""`image:` in a conf, resolved by the SDK's own data in the environment that is made for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pipeline_builder.definition.images import ImageAsker, resolve_images
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.engine.jobs.environments import environment_key
from pipeline_builder.engine.jobs.requirements import clean_layers
from pipeline_builder.errors import InputProblems, OutsideFailure
from pipeline_builder.machine.kept import Kept
from pipeline_builder.scaffold.frameworks import FRAMEWORKS, load_accounts
from pipeline_builder.sdk.environment import SdkEnvironment
from pipeline_builder.sdk.images import image_asker
from tests.definition.composing import load_graph
from tests.definition.oracle.environment import FOLDER, run_in_sdk
from tests.tiny import variant, write_model

XGBOOST = "        image: {framework: xgboost, version: 1.7-1}\n        entry_point: train.py\n"
UNKNOWN = "        image: {framework: xgboost, version: '99'}\n        entry_point: train.py\n"
WRITTEN = "        image_uri: example.com/tiny:1\n        entry_point: train.py\n"
SERVED = "          image_uri: example.com/tiny:1\n"
SKLEARN = "          image: {framework: sklearn, version: 1.2-1, py_version: py3}\n"


@pytest.fixture(name="ask")
def _ask(tmp_path: Path) -> ImageAsker:
    return image_asker(FOLDER, Kept(folder=tmp_path / "kept"), lambda _: None)


def resolve(folder: Path, conf: str, region: str, ask: ImageAsker) -> dict[str, str]:
    write_model(folder / "churn", conf)
    found, _ = resolve_images(
        load_graph(folder, "churn"), build_settings({**LOCAL_DEFAULTS, "SMP_REGION": region}), {}, ask
    )
    return {section: address for (_, section), address in found.items()}


@pytest.mark.long
def test_the_address_is_the_regions_own(tmp_path: Path, ask: ImageAsker) -> None:
    conf = variant((WRITTEN, XGBOOST), (SERVED, SKLEARN))
    expected = {
        "train": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "registry": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    }
    assert resolve(tmp_path, conf, "eu-central-1", ask) == expected
    again = image_asker(tmp_path / "nothing", Kept(folder=tmp_path / "kept"), pytest.fail)
    assert resolve(tmp_path / "again", conf, "eu-central-1", again) == expected


@pytest.mark.long
def test_an_image_that_the_sdk_does_not_know_is_a_problem(tmp_path: Path, ask: ImageAsker) -> None:
    with pytest.raises(InputProblems) as caught:
        resolve(tmp_path, variant((WRITTEN, UNKNOWN)), "local", ask)
    (problem,) = caught.value.problems
    assert problem.id == "PB217"
    assert problem.message.startswith(
        "the SageMaker SDK knows no image of xgboost 99: Unsupported xgboost version: 99."
    )


@pytest.mark.parametrize("ending", ["import sys; sys.exit(3)", "print('[]', flush=True)", "print(flush=True)"])
def test_an_sdk_that_gives_no_answer_is_a_failure_outside(tmp_path: Path, ending: str) -> None:
    environment = SdkEnvironment(2, tmp_path / "envs", lambda _: None)
    folder = tmp_path / "envs" / environment_key(clean_layers((tuple(environment.lock.splitlines()),)))
    (folder / "bin").mkdir(parents=True)
    (folder / "ready").touch()
    (folder / "bin" / "python").write_text(
        f"#!{sys.executable}\nprint('torn', file=__import__('sys').stderr)\n{ending}\n"
    )
    (folder / "bin" / "python").chmod(0o755)
    with pytest.raises(OutsideFailure) as caught:
        image_asker(tmp_path / "envs", Kept(folder=tmp_path / "kept"), lambda _: None)(["{}"])
    (problem,) = caught.value.problems
    assert (problem.id, "torn" in problem.message) == ("PB916", True)
    assert not (tmp_path / "kept").exists()


@pytest.mark.long
def test_the_images_of_new_models_are_those_of_the_sdk(tmp_path: Path) -> None:
    output = tmp_path / "regions.json"
    run_in_sdk("v2", "tests.definition.oracle.list_regions", str(output), home=tmp_path)
    theirs = json.loads(output.read_text())
    ours = {}
    for name, part in (
        ("sklearn", "training"), ("xgboost", "training"),
        ("pytorch", "training"), ("pytorch", "inference"), ("tensorflow", "training"), ("tensorflow", "inference"),
    ):  # fmt: skip
        framework = FRAMEWORKS[name]
        image = framework.training if part == "training" else framework.serving
        for region in load_accounts(image.family):
            ours[f"{name} {part} {region}"] = image.address(region)
    assert ours == theirs
