"""Steps that a factory has made, in the definition: held against everything that confs are held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.conf.sdk import MadeSteps
from pipeline_builder.definition.compose import compose
from pipeline_builder.definition.composed import Composed
from pipeline_builder.definition.factories import Factories, build_none_allowed, build_nothing
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.lock import Lock
from tests.places import ROOT
from tests.security.policing import read_manifest
from tests.tiny import variant, write_model

SDK = "      sdk: {entry_point: steps.py}\n"
CONF = variant(("      source_directory: scripts\n", f"      source_directory: scripts\n{SDK}"))
AFTER = "    dependencies:\n"
ALLOWED = "policy: {factories: true}\n"
CODE = "s3://local/tiny/code/" + "ab" * 32 + "/profile.py"
PROFILE = {
    "Name": "churn-Profile",
    "Type": "Processing",
    "DependsOn": ["churn-Preprocess"],
    "PropertyFiles": [{"PropertyFileName": "profile", "OutputName": "profile", "FilePath": "profile.json"}],
    "Arguments": {
        "AppSpecification": {"ImageUri": "example.com/tiny:1", "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/profile.py"]},
        "ProcessingInputs": [
            {"InputName": "model", "AppManaged": False, "S3Input": {"S3Uri": {"Get": "Steps.churn-Train.ModelArtifacts.S3ModelArtifacts"}, "LocalPath": "/opt/ml/processing/input/model", "S3DataType": "S3Prefix", "S3InputMode": "File"}},
            {"InputName": "code", "AppManaged": False, "S3Input": {"S3Uri": CODE, "LocalPath": "/opt/ml/processing/input/code", "S3DataType": "S3Prefix", "S3InputMode": "File"}},
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "profile", "AppManaged": False, "S3Output": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://local/tiny/churn", {"Get": "Execution.PipelineExecutionId"}, "profile"]}}, "LocalPath": "/opt/ml/processing/output/profile", "S3UploadMode": "EndOfJob"}}]},
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}},
    },
}  # fmt: skip


def changed(**members: Any) -> dict[str, Any]:
    return {**PROFILE, **members}


def asking(**arguments: Any) -> dict[str, Any]:
    return changed(Arguments={**PROFILE["Arguments"], **arguments})  # type: ignore[dict-item]


def composed(
    root: Path,
    *steps: Mapping[str, Any],
    conf: str = CONF,
    policy: str = ALLOWED,
    tags: Mapping[str, str] | None = None,
) -> Composed:
    if not (root / "aws-train").exists():
        write_model(root / "aws-train" / "churn", conf)

    def build(factories: Factories) -> tuple[Mapping[str, MadeSteps], list[Problem]]:
        return {name: MadeSteps(steps=steps, files={CODE: b"print()"}) for name, _ in factories}, []

    manifest = read_manifest(policy, "[{url: churn}]")
    return compose(
        manifest, Lock(manifest_commit="", repos=()), root=root, values=LOCAL_DEFAULTS, tags=tags, build=build
    )


def steps_of(found: Composed) -> dict[str, Any]:
    return {step["Name"]: step for step in json.loads(found.definition.content)["Steps"]}


def test_golden(tmp_path: Path) -> None:
    conf = CONF.replace("step_class: Metrics\n", "step_class: Metrics\n            depends_on: churn-Profile\n")
    found = composed(tmp_path, PROFILE, conf=conf, tags={"team": "ml"})
    assert found.definition.files == {CODE: b"print()"}
    steps = steps_of(found)
    assert "churn-Profile" in steps["churn-Metrics"]["DependsOn"]
    assert found.graph.by_name["churn-Profile"].kind == "Processing"
    path = ROOT / "tests" / "golden" / "made" / "profile.json"
    text = json.dumps(steps["churn-Profile"], indent=1, sort_keys=True) + "\n"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        pytest.fail(f"{path} was written; read it")
    assert text == path.read_text()


def test_outputs_are_chained(tmp_path: Path) -> None:
    metrics = "            step_class: Metrics\n"
    line = next(line for line in CONF.splitlines() if "chain_input_source_step" in line and "Transform" in line)
    conf = CONF.replace(line, line.replace("[", "[churn-Profile, ")) if "[" in line else CONF
    assert metrics in CONF
    assert conf != CONF
    inputs = steps_of(composed(tmp_path, PROFILE, conf=conf))["churn-Metrics"]["Arguments"]["ProcessingInputs"]
    uri = "Steps.churn-Profile.ProcessingOutputConfig.Outputs['profile'].S3Output.S3Uri"
    assert uri in json.dumps(inputs)


WRONG: dict[str, tuple[Any, str, str]] = {
    "a name twice": ([PROFILE, PROFILE], "PB309", "two steps have the name 'churn-Profile'"),
    "a name of the conf": ([changed(Name="churn-Train")], "PB309", "two steps have the name 'churn-Train'"),
    "a step that isn't there": ([changed(DependsOn=["churn-Nobody"])], "PB313", "there is no step 'churn-Nobody'"),
    "a reference to none": ([asking(Environment={"a": {"Get": "Steps.churn-No.X"}})], "PB313", "there is no step 'churn-No'"),
    "no parameter": ([asking(Environment={"a": {"Get": "Parameters.X"}})], "PB317", "the parameter 'X' is not declared"),
    "a cycle": ([changed(Name="a", DependsOn=["b"]), changed(Name="b", DependsOn=["a"])], "PB315", "in a cycle: a >> b"),
    "an unknown member": ([asking(Colour="red")], "PB4", "Colour"),
    "a wrong type": ([asking(ProcessingInputs="all")], "PB4", "ProcessingInputs"),
    "no request": ([changed(Arguments={})], "PB4", "AppSpecification"),
    "a bad name": ([changed(Name="a b")], "PB4", "a b"),
    "a role": ([asking(RoleArn="arn:aws:iam::123456789012:role/admin")], "PB2", "arn:aws:iam::123456789012:role/admin"),
    "a bucket": ([asking(ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://others/x", "LocalPath": "/opt/ml/processing/o", "S3UploadMode": "EndOfJob"}}]})], "PB2", "s3://others/x"),
    "many instances": ([asking(ProcessingResources={"ClusterConfig": {"InstanceCount": 90, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}})], "PB24", "90"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_stands_at_the_factory(tmp_path: Path, case: str) -> None:
    steps, problem_id, words = WRONG[case]
    with pytest.raises(InputProblems) as caught:
        composed(tmp_path, *steps)
    found = [one for one in caught.value.problems if one.id.startswith(problem_id) and words in one.message]
    assert found, str(caught.value)
    assert all(one.place and one.place.text.strip() for one in caught.value.problems)
    assert any(one.place and "sdk:" in one.place.text for one in found), str(caught.value)


@pytest.mark.parametrize(
    "policy", ["", "policy: {factories: false}\n", "policy: {factories: true, repos: {churn: {factories: false}}}\n"]
)
def test_the_policy_is_off_by_default(tmp_path: Path, policy: str) -> None:
    write_model(tmp_path / "aws-train" / "churn", CONF)
    manifest = read_manifest(policy, "[{url: churn}]")
    with pytest.raises(InputProblems) as caught:
        compose(
            manifest, Lock(manifest_commit="", repos=()), root=tmp_path, values=LOCAL_DEFAULTS, build=build_none_allowed
        )
    (problem,) = caught.value.problems
    assert (problem.id, problem.place and problem.place.text) == ("PB917", SDK.rstrip())
    assert "factories: true" in str(problem.hint)


def test_where_nobody_makes_steps_it_is_said(tmp_path: Path) -> None:
    write_model(tmp_path / "aws-train" / "churn", CONF)
    manifest = read_manifest(ALLOWED, "[{url: churn}]")
    with pytest.raises(InputProblems) as caught:
        compose(manifest, Lock(manifest_commit="", repos=()), root=tmp_path, values=LOCAL_DEFAULTS, build=build_nothing)
    assert [problem.id for problem in caught.value.problems] == ["PB917"]
