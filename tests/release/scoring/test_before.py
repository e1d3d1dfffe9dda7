"""A date is the same as before only where all is that decides about what a run comes to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline_builder.definition.uses import ModelUse
from pipeline_builder.errors import Place
from pipeline_builder.release.resolving import Used
from pipeline_builder.release.scoring.before import decisive_digest, is_package
from pipeline_builder.release.scoring.ledger import PackageUsed

STEPS = [
    {"Name": "s", "Arguments": {"Data": {"Get": "Parameters.Data-s"}, "Env": {"CUT": {"Get": "Parameters.Cut"}}}},
    {"Name": "w", "Arguments": {"Labels": {"Get": "Parameters.Labels-w"}, "G": {"Get": "Parameters.CacheGeneration"}}},
]
DECLARED = [{"Name": "Cut", "Type": "String", "DefaultValue": "1"}, {"Name": "Commit", "Type": "String"}]
DEFINITION = json.dumps({"Parameters": DECLARED, "Steps": STEPS}).encode()
BEFORE = {"Data-s": "a", "Labels-w": "none", "ModelPackage-churn": "arn:1", "Commit": "c", "CacheGeneration": "1"}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"Cut": "1"}, True),  # as it is by itself
        ({"Commit": "d"}, True),  # whoever asks
        ({"CacheGeneration": "2"}, True),
        ({"Cut": "2"}, False),
        ({"Data-s": "b"}, False),
        ({"Labels-w": "s3://b/labels/"}, False),  # which have come meanwhile
        ({"ModelPackage-churn": "arn:2"}, False),  # also where the steps know only its artifact
    ],
)
def test_the_same_as_before(changes: dict[str, str], same: bool) -> None:
    before = decisive_digest(DEFINITION, ["ModelPackage-churn"], BEFORE)
    assert (decisive_digest(DEFINITION, ["ModelPackage-churn"], BEFORE | changes) == before) == same


@pytest.mark.parametrize(
    ("noted", "evidence", "same"),
    [("e1", "e1", True), ("e1", "e2", False), ("e1", "", False), ("", "e2", True)],
)
def test_another_package_of_the_same_name_is_another(noted: str, evidence: str, same: bool) -> None:
    """A registry that begins anew counts its versions from 1 again."""
    use = ModelUse(unit="churn", group="churn", version=None, stage="", what="package", place=Place("conf.yaml"))
    used = Used(use=use, arn="arn:1", group="churn", version=1, artifact="", evidence=evidence, value="arn:1")
    assert is_package(PackageUsed(arn="arn:1", evidence=noted), [used, replace(used, arn="arn:2", evidence="")]) == same
