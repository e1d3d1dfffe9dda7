"""A stack that the version before has deployed, and what this one would change of it: nothing that holds data or waits."""

from __future__ import annotations

import gzip

import click
import pytest

from pipeline_builder.cli.staging import stage_command
from pipeline_builder.descriptions import Approval
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.setting import read_setting
from pipeline_builder.service.widening import compare_templates
from tests.places import ROOT
from tests.service.services import ACCOUNT, REGION, read_template, render

BEFORE = gzip.decompress((ROOT / "tests" / "before" / "2026-11-29-service.yaml.gz").read_bytes()).decode()
HOME = Home(account=ACCOUNT, region=REGION, stack="models")
VALUES = {
    "ArtifactBucket": "models",
    "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef",
}


class Nobody:
    """A CodePipeline that knows nothing."""

    def find_start(self, *_: str) -> str:
        return "manual"

    def find_approval(self, *_: str) -> Approval | None:
        return None


# What may differ without anything being replaced, and what is new.
CHANGED = {
    "AWS::IAM::Role": {"Policies"},
    "AWS::CodeBuild::Project": {"Environment", "Source", "Triggers"},
    "AWS::Events::Rule": {"Targets"},
    "AWS::CloudWatch::Alarm": {"AlarmDescription"},
    "AWS::Scheduler::Schedule": {"Target"},  # the poller's starts a function now
}
NEW = {
    "Look": "AWS::Lambda::Function",
    "LookLog": "AWS::Logs::LogGroup",
    "LookRole": "AWS::IAM::Role",
    "BuildFailed": "AWS::Events::Rule",
    "StarterFailed": "AWS::Events::Rule",
    "MissedPolicy": "AWS::SQS::QueuePolicy",
}


def test_nothing_that_holds_data_changes() -> None:
    old, new = (
        read_template(text) for text in (BEFORE, render(approval={"emails": ["ada@example.com"]})["service.yaml"])
    )
    assert old["Parameters"].keys() == new["Parameters"].keys()
    kinds, before = ({name: one["Type"] for name, one in template["Resources"].items()} for template in (new, old))
    assert kinds == {**before, **NEW}
    for name, was in old["Resources"].items():
        now = new["Resources"][name]
        properties = was.get("Properties", {}).keys() | now.get("Properties", {}).keys()
        differ = {key for key in properties if was["Properties"].get(key) != now["Properties"].get(key)}
        assert differ <= CHANGED.get(was["Type"], set()), name


def test_a_deployed_service_keeps_its_builds_until_somebody_writes_otherwise() -> None:
    """Its Train runs STAGE=train with the project's own variable, which the command line of now still knows."""
    old = read_template(BEFORE)
    (train,) = old["Resources"]["Pipeline"]["Properties"]["Stages"][2]["Actions"]
    assert (train["Name"], train["Namespace"]) == ("Train", "Train")
    environment = old["Resources"]["TrainProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    said = {one["Name"]: one["Value"] for one in environment}
    (argument,) = [one for one in stage_command.params if one.name == "name"]
    assert isinstance(argument.type, click.Choice)
    assert said["STAGE"] in argument.type.choices
    assert read_setting({name: str(value) for name, value in said.items()}, Nobody()).wait_machine == ""


def test_what_moving_to_a_wait_without_a_build_changes() -> None:
    """The pipeline and its Train; what holds data or decides stays as it is."""
    old, new = (
        read_template(render(approval={"emails": ["ada@example.com"]}, wait=wait)["service.yaml"])
        for wait in ("build", "step-functions")
    )
    made = new["Resources"].keys() - old["Resources"].keys()
    assert made == {"WaitMachine", "WaitLog", "WaitRole", "WaitAsked", "WaitFailed"}
    assert old["Resources"].keys() <= new["Resources"].keys()
    changed = {name for name, one in old["Resources"].items() if one != new["Resources"][name]}
    assert changed == {"Pipeline", "TrainProject", "TrainRole", "EventsRole"}
    stages = [one["Resources"]["Pipeline"]["Properties"]["Stages"] for one in (old, new)]
    assert [before["Name"] for before, now in zip(*stages, strict=True) if before != now] == ["Train"]
    start, wait, judge = stages[1][2]["Actions"]
    assert (start["Namespace"], wait["ActionTypeId"]["Category"], judge["Namespace"]) == ("Start", "Approval", "Train")
    assert "NotificationArn" not in wait["Configuration"]  # nobody gets a mail
    assert judge["OutputArtifacts"] == stages[0][2]["Actions"][0]["OutputArtifacts"]


@pytest.mark.long
def test_what_that_widens_is_said() -> None:
    new = render(approval={"emails": ["ada@example.com"]})["service.yaml"]
    found = compare_templates((BEFORE, VALUES), (new, VALUES), HOME)
    assert any("evidence" in line for line in found.widens)
    waits = render(approval={"emails": ["ada@example.com"]}, wait="step-functions")["service.yaml"]
    words = "\n".join(compare_templates((new, VALUES), (waits, VALUES), HOME).widens)
    assert "the role model-service-wait is new, for states.amazonaws.com; it may " in words
    assert "model-service-train may now also start arn:aws:states:" in words
    assert "answer arn:aws:codepipeline:" in words
    assert not any("can't be told" in line for line in found.widens)
    (look,) = (line for line in found.widens if "the role model-service-look is new, for lambda.amazonaws.com" in line)
    assert "watch/*" in look
