"""Which Regions lack which service, against botocore's endpoints and CloudFormation's types of resources."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import botocore
import pytest

from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.regions.services import CERTAIN, LACKING, REGIONS, SERVICES, find_lack

LISTED = ("aws", "aws-cn", "aws-us-gov")  # of other partitions cfn-lint has the types of us-east-1


def partitions() -> list[Any]:
    found = json.loads((Path(botocore.__file__).parent / "data" / "endpoints.json").read_text())
    return list(found["partitions"])


def without_endpoint(service: str) -> set[str]:
    there = {region for p in partitions() for region in p["services"].get(service, {}).get("endpoints", {})}
    return set(REGIONS) - there


def types() -> dict[str, set[str]]:
    folder = files("cfnlint") / "data" / "schemas" / "providers"
    return {
        region: set(json.loads(file.read_text()))
        for region in REGIONS
        if (file := folder / f"{region}.json").is_file() and partition_of(region).name in LISTED
    }


def test_the_regions_are_botocores() -> None:
    assert {region for p in partitions() for region in p["regions"]} == REGIONS


@pytest.mark.long
def test_the_table_is_what_the_sources_say() -> None:
    listed = types()
    certain = set()
    for name, service in SERVICES.items():
        if service.only:
            assert service.only <= REGIONS
            continue
        endless = without_endpoint(service.endpoint) if service.endpoint else set()
        typeless = {region for region, found in listed.items() if service.type not in found}
        assert endless | typeless == set(LACKING.get(name, ())), name
        for partition in LISTED:
            inside = {region for region in listed if partition_of(region).name == partition}
            if inside <= typeless and (not service.endpoint or inside <= endless):
                certain.add((name, partition))
    assert certain == CERTAIN


def test_what_is_missing_is_found() -> None:
    china = find_lack("codeconnections", "cn-north-1")
    assert china
    assert (china.certain, china.partition, china.service.title) == (True, "aws-cn", "CodeConnections")
    milan = find_lack("codecommit", "af-south-1")
    assert milan
    assert not milan.certain
    assert find_lack("codepipeline", "eu-central-1") is None
    assert find_lack("codebuild-lambda", "eu-west-3") is not None
    assert find_lack("codebuild-lambda", "eu-west-1") is None
    assert find_lack("codepipeline", "moon-base-1") is None
