"""A stack that the version before has deployed, and what this one would change of it: nothing that holds data or waits."""

from __future__ import annotations

import gzip

from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.widening import compare_templates
from tests.places import ROOT
from tests.service.services import ACCOUNT, REGION, read_template, render

BEFORE = gzip.decompress((ROOT / "tests" / "before" / "2026-11-29-service.yaml.gz").read_bytes()).decode()
HOME = Home(account=ACCOUNT, region=REGION, stack="models")
VALUES = {
    "ArtifactBucket": "models",
    "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef",
}
# The schedule of the poller starts a function now.
CHANGED = {
    "AWS::IAM::Role": {"Policies"},
    "AWS::CodeBuild::Project": {"Environment"},
    "AWS::Scheduler::Schedule": {"Target"},
}
NEW = {"Look": "AWS::Lambda::Function", "LookLog": "AWS::Logs::LogGroup", "LookRole": "AWS::IAM::Role"}


def test_only_policies_and_environments_of_builds_change() -> None:
    old, new = (
        read_template(text) for text in (BEFORE, render(approval={"emails": ["ada@example.com"]})["service.yaml"])
    )
    assert old["Parameters"].keys() == new["Parameters"].keys()
    assert {name: one["Type"] for name, one in old["Resources"].items()} | NEW == {
        name: one["Type"] for name, one in new["Resources"].items()
    }
    for name, before in old["Resources"].items():
        now = new["Resources"][name]
        properties = before.get("Properties", {}).keys() | now.get("Properties", {}).keys()
        differ = {key for key in properties if before["Properties"].get(key) != now["Properties"].get(key)}
        assert differ <= CHANGED.get(before["Type"], set()), name


def test_what_that_widens_is_said() -> None:
    new = render(approval={"emails": ["ada@example.com"]})["service.yaml"]
    found = compare_templates((BEFORE, VALUES), (new, VALUES), HOME)
    assert any("evidence" in line for line in found.widens)
    assert not any("can't be told" in line for line in found.widens)
    (look,) = (line for line in found.widens if "the role model-service-look is new, for lambda.amazonaws.com" in line)
    assert "watch/*" in look
