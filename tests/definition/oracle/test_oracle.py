"""The same DAGs by the SageMaker SDK's own classes and by our composer, compared step by step.

`build_v2.py` builds them with the SDK in an environment of its own, with AWS out of reach. Code locations and the names
that the SDK makes up are made equal; every other difference stands in `listed.py` with its reason. One that isn't listed
fails, and so does a listed one that no longer occurs.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.cases import CASES, Case
from tests.definition.composing import compose_definition, load_graph
from tests.definition.oracle.comparison import Listed, differences, normalised
from tests.definition.oracle.environment import run_in_sdk
from tests.definition.oracle.listed import LISTED, LISTED_V3
from tests.places import ROOT, folder_of_run
from tests.tiny import SCRIPTS, variant
from tests.yamls import read_yaml, write_yaml

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
    "spot": Case(
        variant(
            (
                "        hyperparams: {scale: 2}\n",
                "        hyperparams: {scale: 2, deep: [1, a], on: true, none: null, text: 'a \"b\"', rate: 1.0e-5}\n"
                "        model_data_uri: s3://b/model.tar.gz\n"
                "        arguments:\n          EnableManagedSpotTraining: true\n"
                "          CheckpointConfig: {S3Uri: s3://b/checkpoints}\n"
                "          StoppingCondition: {MaxWaitTimeInSeconds: 7200}\n"
                "          InputDataConfig:\n            - {ChannelName: churn-Preprocess-train, InputMode: FastFile}\n",
            )
        )
    ),
}
_SCORER = """\
    scorer:
      source_directory: churn/scripts
      train:
        image_uri: example.com/other:1
        entry_point: train.py
        hyperparams: {scale: 2, depth: 3}
      tune:
        objective: {metric: mean, type: minimize, regex: 'mean: ([0-9.]+)'}
        ranges:
          scale: {min: 1, max: 9, scale: linear}
          rate: {min: 0.001, max: 0.1, scale: logarithmic}
          count: [1, 2]
        strategy: random
        early_stopping: true
        max_jobs: 12
        max_parallel_jobs: 4
        seed: 17
"""
_LAST = "          - step_name: churn-Register\n            step_class: RegisterModel\n"
OWN_CASES["tuned"] = Case(
    variant(
        ("  sagemakerPipeline:\n", _SCORER + "  sagemakerPipeline:\n"),
        (
            _LAST,
            _LAST
            + "      scorer:\n        steps:\n          - step_name: scorer-Tune\n            step_class: Tuning\n"
            "            chain_input_source_step: [churn-Preprocess]\n"
            "          - {step_name: scorer-Take, step_class: Training, chain_input_source_step: scorer-Tune, top_k: 2}\n",
        ),
        ("    pipelineName: tiny\n", "    pipelineName: tiny\n    dependencies: 'churn-Register>>scorer-Tune'\n"),
    )
)
ALL = {**CASES, **OWN_CASES}
COMPARED = (
    "purchase-intent",
    "job-names",
    "a-file-in-each-channel",
    "several-files-in-a-channel",
    "spot",
    "spot-and-mpi",
    "instance-groups",
    "warm-pool-and-torchrun",
    "data-parallel",
    "entry-point-in-a-folder",
    "processing-keys",
    "variables-of-jobs",
    "chained-from-another-model",
    "cache-expiry",
    "parameters",
    "values-to-choose-from",
    "retries",
    "gate",
    "repack",
    "network-key-and-tags",
    "transform-keys",
    "condition",
    "containers",
    "checks",
    "analytics",
    "tuned",
)


@pytest.fixture(scope="session")
def by_sdk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the definitions of version 2 of the SDK by case."""
    return built_by_sdk("v2", folder_of_run(tmp_path_factory), COMPARED)


def built_by_sdk(version: str, base: Path, cases: Sequence[str]) -> Any:
    """Return the SDK's definitions by case; one test process makes them for all of a run."""
    folder = base / f"oracle-{version}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        if not (folder / "definitions.json").exists():
            for name in cases:
                write_sources(folder / name, name)
            run_in_sdk(version, f"tests.definition.oracle.build_{version}", str(folder), *cases, home=folder)
    return json.loads((folder / "definitions.json").read_text())


def write_sources(folder: Path, name: str) -> None:
    if name == "purchase-intent":
        shutil.copytree(EXAMPLE / "scripts", folder, dirs_exist_ok=True)
        return
    shutil.rmtree(folder, ignore_errors=True)
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
    leave_out_baseline(folder / name / "conf" / "conf.yaml")
    graph = load_graph(folder, name, **VALUES)
    return json.loads(build_definition(graph, build_settings(VALUES), {name: name}).content)


def leave_out_baseline(path: Path) -> None:
    """The SDK has no such step: its script is this program's own."""
    found = read_yaml(path.read_text())
    del found["conf"]["models"]["purchase-intent"]["baseline"]
    model = found["conf"]["sagemakerPipeline"]["models"]["purchase-intent"]
    model["steps"] = [step for step in model["steps"] if step["step_class"] != "Baseline"]
    path.write_text(write_yaml(found))


@pytest.mark.long
@pytest.mark.parametrize("name", COMPARED)
def test_our_definition_is_the_sdks_but_for_what_is_listed(by_sdk: Any, tmp_path: Path, name: str) -> None:
    compare(by_sdk[name], by_us(tmp_path, name), [entry for entry in LISTED if entry.holds(name)])


def compare(sdk: Any, ours: Any, listed: Sequence[Listed]) -> None:
    """Fail where the definitions differ in anything but what is listed, and where something listed no longer differs."""
    found = list(differences(normalised(sdk), normalised(ours)))
    assert [difference for difference in found if not any(entry.matches(difference) for entry in listed)] == []
    gone = [entry for entry in listed if not any(entry.matches(difference) for difference in found)]
    assert gone == [], "these no longer differ: take them off the list"


@pytest.mark.long
@pytest.mark.parametrize("name", COMPARED)
def test_our_checks_accept_what_the_sdk_writes(by_sdk: Any, name: str) -> None:
    assert check_definition(by_sdk[name]) == ()


@pytest.mark.long
def test_version_3_agrees_but_for_how_it_brings_scripts(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    sdk = built_by_sdk("v3", folder_of_run(tmp_path_factory), ["repack"])["repack"]
    assert check_definition(sdk) == ()
    compare(sdk, by_us(tmp_path, "repack"), LISTED_V3)


@pytest.mark.long
def test_the_sdk_cannot_reach_aws(tmp_path: Path) -> None:
    tries = {
        "import socket; socket.create_connection(('127.0.0.1', 9))": "a connection was tried",
        "from tests.definition.oracle.aws import *; boto_session().client('sts').get_caller_identity()": "an AWS call was tried",
    }
    for number, (code, message) in enumerate(tries.items()):
        path = tmp_path / f"attempt{number}.py"
        path.write_text(f"from tests.definition.oracle.aws import cut_the_network\ncut_the_network()\n{code}\n")
        with pytest.raises(AssertionError, match=f"exit code 3\n+{message}"):
            run_in_sdk("v2", path.stem, home=tmp_path)


def test_a_difference_is_found_wherever_it_is() -> None:
    sdk: Any = {"Steps": [{"Name": "a", "Type": "Training", "Arguments": {"X": [{"Key": "k", "Value": 1}], "Y": True}}]}
    ours: Any = {"Steps": [{"Name": "a", "Type": "Training", "Arguments": {"X": [{"Key": "k", "Value": 2}], "Y": 1}}]}
    found = [(difference.path, difference.sdk, difference.ours) for difference in differences(sdk, ours)]
    assert found == [("Training.Arguments.X[k].Value", 1, 2), ("Training.Arguments.Y", True, 1)]
    assert [difference.path for difference in differences(sdk, {"Steps": []})] == ["Steps[a]"]
    assert [difference.path for difference in differences(sdk, {})] == ["Steps"]


def test_only_code_locations_and_generated_names_are_made_equal() -> None:
    assert normalised({"a": '"s3://b/x/1f/sourcedir.tar.gz"', "b": "s3://b/x/data.csv"}) == {
        "a": '"<code>/sourcedir.tar.gz"',
        "b": "s3://b/x/data.csv",
    }
    assert normalised([{"Get": "Steps.m-CreateModel-CreateModel.ModelName"}]) == [
        {"Get": "Steps.m-CreateModel.ModelName"}
    ]
