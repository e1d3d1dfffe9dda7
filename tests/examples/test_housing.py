"""The example `housing`: its data, its scripts, its definition, and the whole job in a fresh clone."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline_builder.conf.sdk import MadeSteps
from pipeline_builder.definition.compose import compose
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.machine.kept import Kept
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.sdk.factories import Maker
from pipeline_builder.sdk.room import Room
from tests.checkout.repositories import ENVIRONMENT
from tests.definition.oracle.environment import FOLDER, sdk_python
from tests.engine.environments import equip, share_environments, shared_environments
from tests.examples.definitions import EXAMPLES, check_golden, check_scripts
from tests.places import ROOT, with_uv

EXAMPLE = EXAMPLES / "housing"
STUBBED = ("--stub", "pca-Quality=examples/housing/stubs/pca-Quality.json", "--accept-stubs")
DATA = EXAMPLES / "data" / "housing" / "housing.csv"


@pytest.mark.long
def test_the_data_is_what_the_generator_makes() -> None:
    assert runpy.run_path(str(EXAMPLE / "data" / "generate.py"))["table"]() == DATA.read_text()


def test_the_data_has_the_shape_of_the_real_table() -> None:
    header, *rows = (line.split(",") for line in DATA.read_text().splitlines())
    assert (len(header), len(rows), header[-1]) == (9, 20640, "MedHouseVal")
    columns = {name: [float(row[n]) for row in rows] for n, name in enumerate(header)}
    assert (min(columns["HouseAge"]), max(columns["HouseAge"])) == (1, 52)
    assert (max(columns["MedInc"]), max(columns["MedHouseVal"])) == (15, 5)
    assert sum(value == 5 for value in columns["MedHouseVal"]) / len(rows) < 0.06


def test_the_scripts_are_fit_for_the_containers() -> None:
    check_scripts(EXAMPLE)


MADE = ROOT / "tests" / "golden" / "made" / "housing.json"


def test_golden() -> None:
    (profile,) = json.loads(MADE.read_text())
    check_golden("housing", EXAMPLE, "pca", "price", made={"housing-pca": MadeSteps(steps=(profile,))})


@pytest.mark.long
def test_the_factory_makes_the_step_of_the_golden_file(tmp_path: Path) -> None:
    (tmp_path / "aws-train").mkdir()
    for name in ("pca", "price"):
        shutil.copytree(EXAMPLE / name, tmp_path / "aws-train" / f"housing-{name}")
    manifest = build_manifest(load_yaml(EXAMPLE / "model_repos.yaml", "model_repos.yaml", "PB100"))
    room = Room(folder=tmp_path / "factories", report=pytest.fail)
    maker = Maker(
        room=room, environments=FOLDER, kept=Kept(folder=tmp_path / "kept"), handed=tmp_path, say=lambda _: None
    )
    lock = Lock(manifest_commit="", repos=())
    found = compose(manifest, lock, root=tmp_path, values=LOCAL_DEFAULTS, build=maker).definition
    (profile,) = [step for step in json.loads(found.content)["Steps"] if step["Name"] == "pca-Profile"]
    (known,) = json.loads(MADE.read_text())
    assert {**profile, "Arguments": {**profile["Arguments"], "RoleArn": "", "Environment": {}}} == {
        **known,
        "Arguments": {**known["Arguments"], "RoleArn": "", "Environment": {}},
    }


def test_the_price_model_takes_the_trained_pca_model() -> None:
    golden = json.loads((ROOT / "tests" / "golden" / "examples" / "housing.json").read_text())
    steps = {step["Name"]: step for step in golden["Steps"]}
    inputs = {item["InputName"]: item["S3Input"] for item in steps["price-Preprocess"]["Arguments"]["ProcessingInputs"]}
    best = [
        {"Get": "Steps.pca-Tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"},
        {"Get": "Steps.pca-Tune.BestTrainingJob.TrainingJobName"},
        "output/model.tar.gz",
    ]
    assert inputs["pca-Tune-input-train"]["S3Uri"] == {"Std:Join": {"On": "/", "Values": best}}
    assert inputs["pca-Tune-input-train"]["LocalPath"] == "/opt/ml/processing/input/pca-Tune-input-train"
    (register,) = steps["price-Register-Gate"]["Arguments"]["IfSteps"]
    assert (register["Name"], register["DependsOn"]) == ("price-Register", ["pca-Register"])


@pytest.mark.long
def test_the_whole_job_in_a_fresh_clone(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], env=ENVIRONMENT, check=True)
    share_environments(clone / "examples" / "housing" / ".pipeline_builder", tmp_path_factory)
    equip(EXAMPLE / "model_repos.yaml", tmp_path_factory, EXAMPLE)
    sdk = sdk_python("v2").parent.parent
    with contextlib.suppress(FileExistsError):
        (shared_environments(tmp_path_factory) / sdk.name).symlink_to(sdk)
    command = [str(clone / "scripts" / "run"), "--manifest", "examples/housing/model_repos.yaml", "--approve", *STUBBED]
    own = {"PATH": with_uv(os.environ["PATH"]), "UV_LINK_MODE": "hardlink", "GIT_CONFIG_GLOBAL": os.devnull}
    environment = {**os.environ, **own}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    first = run()
    assert first.returncode == 0, first.stderr
    record = json.loads((clone / "examples" / "housing" / "build" / "run.json").read_text())
    pca, price = record["packages"]
    assert (pca["status"], price["status"]) == ("Approved", "Approved")
    metrics = price["metrics"]["regression_metrics"]
    assert 0.35 < metrics["rmse"]["value"] < 0.6
    assert metrics["r2"]["value"] > 0.7
    page = (clone / "examples" / "housing" / "build" / "report.html").read_text()
    for drawing in ("Predicted and actual", "Residuals", "Absolute error"):
        assert f"<figcaption>{drawing}</figcaption>" in page
    (tuned,) = [step["trials"] for step in record["steps"] if step["trials"]]
    assert (len(tuned), {trial["status"] for trial in tuned}) == (12, {"Completed"})
    assert pca["model_data_url"].endswith(f"/{tuned[0]['name']}/output/model.tar.gz")
    ended = {step["name"]: step["ended"] for step in record["steps"] if step["ended"]}
    assert ended["pca-Register"] < ended["price-Register"]
    again = run()
    assert (again.returncode, "nothing changed since execution" in again.stderr) == (0, True), again.stderr
