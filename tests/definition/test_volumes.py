"""The key of SMP_KMSKEY on volumes: left out, with a warning, where an instance type has local storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.policy.policy import check_policy
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.composing import compose_definition, load_graph
from tests.places import ROOT
from tests.security.policing import compose_all, read_manifest
from tests.tiny import variant
from tests.workspaces import make_workspace

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TRAIN = ("entry_point: train.py", "entry_point: train.py\n        instance_type: {}")
PARAMETER = "  sagemakerPipeline:\n    parameters: [{{name: Type, type: String, default: {}}}]"


def train(definition: Definition) -> dict[str, Any]:
    steps = {step["Name"]: step["Arguments"] for step in json.loads(definition.content)["Steps"]}
    found: dict[str, Any] = steps["churn-Train"]["ResourceConfig"]
    return found


def compose(tmp_path: Path, instance_type: str, *more: tuple[str, str], key: str = KEY) -> Definition:
    conf = variant((TRAIN[0], TRAIN[1].format(instance_type)), *more)
    return compose_definition(tmp_path, conf, SMP_KMSKEY=key)


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.g4dn.xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge"])
def test_local_storage_has_no_key_of_ours_and_that_is_said(tmp_path: Path, instance_type: str) -> None:
    definition = compose(tmp_path, instance_type)
    assert "VolumeKmsKeyId" not in train(definition)
    (warning,) = definition.warnings
    assert (warning.id, warning.warning) == ("PB260", True)
    assert f"step 'churn-Train': the volume key of SMP_KMSKEY is left out: '{instance_type}'" in warning.message
    assert warning.place is not None
    assert "instance_type" in str(warning.place.text)


@pytest.mark.parametrize("instance_type", ["ml.m5.large", "ml.p3.2xlarge", "ml.c5.xlarge"])
def test_a_volume_has_the_key(tmp_path: Path, instance_type: str) -> None:
    definition = compose(tmp_path, instance_type)
    assert (train(definition)["VolumeKmsKeyId"], definition.warnings) == (KEY, ())


def test_without_a_key_nothing_is_said(tmp_path: Path) -> None:
    assert compose(tmp_path, "ml.g5.xlarge", key="").warnings == ()


@pytest.mark.parametrize(("default", "there"), [("ml.g5.xlarge", False), ("ml.m5.large", True)])
def test_a_parameter_counts_by_its_default(tmp_path: Path, default: str, there: bool) -> None:
    definition = compose(tmp_path, "$params.Type", ("  sagemakerPipeline:", PARAMETER.format(default)))
    assert ("VolumeKmsKeyId" in train(definition)) is there


def test_a_type_of_arguments_counts(tmp_path: Path) -> None:
    over = (TRAIN[0], f"{TRAIN[0]}\n        arguments: {{ResourceConfig: {{InstanceType: ml.g5.xlarge}}}}")
    definition = compose_definition(tmp_path, variant(over), SMP_KMSKEY=KEY)
    assert "VolumeKmsKeyId" not in train(definition)


def test_the_summarizer_passes_with_a_key() -> None:
    """Its training and its transform run on ml.g5.12xlarge; before, the key on these was refused when the job was made."""
    graph = load_graph(ROOT / "examples", "summarizer")
    settings = build_settings({**LOCAL_DEFAULTS, "SMP_KMSKEY": KEY}, {})
    definition = build_definition(graph, settings, {"summarizer": "summarizer"})
    content = json.loads(definition.content)
    assert check_definition(content) == ()
    assert len([warning for warning in definition.warnings if warning.id == "PB260"]) == 2
    given = check_definition(content, {"TrainInstanceType": "ml.m5.xlarge"})
    assert given == ()


@pytest.mark.parametrize("policy", ["", "policy: {encryption: required}"])
def test_a_given_type_decides_at_the_start(tmp_path: Path, policy: str) -> None:
    """By its default the definition has the key, or hasn't; a given type of the other kind is refused, not half run."""
    manifest = read_manifest(policy, repos="[{url: churn}]")
    composed = compose_all(tmp_path, {"churn": conf_of("ml.g5.xlarge")}, manifest, None, {"SMP_KMSKEY": KEY})
    assert [warning.id for warning in composed.warnings] == ["PB260"]
    assert check_policy(composed.policed, {"Type": "ml.g4dn.xlarge"}) == ()
    found = check_policy(composed.policed, {"Type": "ml.m5.large"})
    assert "PB261" in [problem.id for problem in found]
    said = "step 'churn-Train': 'ml.m5.large' would run without the volume key of SMP_KMSKEY"
    assert any(problem.message.startswith(said) for problem in found)


def test_a_given_type_that_takes_no_key_is_refused(tmp_path: Path) -> None:
    content = json.loads(compose_definition(tmp_path, conf_of("ml.m5.large"), SMP_KMSKEY=KEY).content)
    (found,) = check_definition(content, {"Type": "ml.g5.xlarge"})
    assert (found.id, found.path[-2:]) == ("PB256", ("ResourceConfig", "VolumeKmsKeyId"))


def conf_of(default: str) -> str:
    return variant((TRAIN[0], TRAIN[1].format("$params.Type")), ("  sagemakerPipeline:", PARAMETER.format(default)))


def test_findings_of_arguments_have_their_line(tmp_path: Path) -> None:
    """A rule's finding is shown where the conf says what breaks it."""
    over = "arguments: {ResourceConfig: {VolumeKmsKeyId: mine}, StoppingCondition: {MaxWaitTimeInSeconds: 9000}}"
    conf = variant((TRAIN[0], f"{TRAIN[1].format('ml.g5.xlarge')}\n        {over}"))
    workspace = make_workspace(tmp_path, conf=conf, state=False)
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    assert ended.code == 1
    line = conf.splitlines().index(f"        {over}") + 1
    assert f"conf.yaml:{line}:{9 + over.index('mine')}" in ended.err
    assert f"conf.yaml:{line}:{9 + over.index('9000')}" in ended.err
    assert "PB256 step 'churn-Train': 'ResourceConfig.VolumeKmsKeyId' can't be given" in ended.err
    assert "(API: ResourceConfig.VolumeKmsKeyId)" in ended.err
