"""Partitions and hosts against botocore's own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from pipeline_builder.regions.hosts import codecommit_region, codecommit_url, ecr_image, host, queue, registry, s3_url
from pipeline_builder.regions.partitions import PARTITIONS, console, named, partition_of
from pipeline_builder.regions.services import REGIONS

DATA = Path(botocore.__file__).parent / "data"
HOMES = {
    "eu-central-1": "amazonaws.com", "cn-north-1": "amazonaws.com.cn", "us-gov-west-1": "amazonaws.com",
    "eusc-de-east-1": "amazonaws.eu", "us-iso-east-1": "c2s.ic.gov", "us-isob-east-1": "sc2s.sgov.gov",
    "eu-isoe-west-1": "cloud.adc-e.uk", "us-isof-south-1": "csp.hci.ic.gov",
}  # fmt: skip


def known() -> list[Any]:
    found: list[Any] = json.loads((DATA / "partitions.json").read_text())["partitions"]
    return found


def test_partitions_are_botocores() -> None:
    theirs = {p["id"]: (p["outputs"]["dnsSuffix"], p["outputs"]["dualStackDnsSuffix"]) for p in known()}
    assert {p.name: (p.suffix, p.dual_stack) for p in PARTITIONS} == theirs
    patterns = {p["id"]: p["regionRegex"].strip("^$").replace("\\-", "-") for p in known()}
    assert {p.name: p.regions.pattern for p in PARTITIONS} == patterns


def test_every_region_is_in_its_partition() -> None:
    regions = {name: p["id"] for p in known() for name in p["regions"] if not name.endswith("-global")}
    assert {region: partition_of(region).name for region in regions} == regions
    assert regions.keys() > REGIONS  # it has those that are only announced, too
    assert partition_of("moon-base-1").name == "aws"
    assert named("azure") is None


@pytest.mark.parametrize(("region", "suffix"), HOMES.items())
def test_hosts_are_made_and_recognised(region: str, suffix: str) -> None:
    assert host("s3", region) == f"s3.{region}.{suffix}"
    assert codecommit_url("churn", region) == f"https://git-codecommit.{region}.{suffix}/v1/repos/churn"
    dual = partition_of(region).dual_stack
    for name in (
        f"git-codecommit.{region}.{suffix}", f"git-codecommit-fips.{region}.{suffix}", f"git-codecommit.{region}.{dual}",
        f"vpce-0a1b-x2.git-codecommit.{region}.vpce.{suffix}",
    ):  # fmt: skip
        assert codecommit_region(name) == region, name
        assert codecommit_region(f"{name}.example.com") == ""
    image = ecr_image(f"{registry('123456789012', region)}/team/train:2@sha256:{'a' * 64}")
    assert image
    assert (image.region, image.repository, image.tag, image.digest[:8]) == (region, "team/train", "2", "sha256:a")
    found = queue(f"https://sqs.{region}.{suffix}/123456789012/work.fifo")
    assert found
    assert found.arn == f"arn:{partition_of(region).name}:sqs:{region}:123456789012:work.fifo"


@pytest.mark.parametrize(("region", "suffix"), HOMES.items())
def test_what_is_in_s3_is_found_whatever_its_host(region: str, suffix: str) -> None:
    for url in (
        f"https://s3.{region}.{suffix}/b/a%2Fc", f"https://b.s3.{region}.{suffix}/a%2Fc",
        f"https://b.s3-fips.dualstack.{region}.{suffix}/a%2Fc", f"https://b.s3.{suffix}/a%2Fc",
    ):  # fmt: skip
        assert s3_url(url) == ("b", "a%2Fc"), url
    assert s3_url(f"https://b.s3.{region}.{suffix}.example.com/x") is None


def test_hosts_of_another_partition_are_not_taken() -> None:
    assert codecommit_region("git-codecommit.cn-north-1.amazonaws.com") == ""
    assert ecr_image("123456789012.dkr.ecr.eu-central-1.amazonaws.eu/x:1") is None
    assert ecr_image("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/x") is not None
    assert ecr_image("123456789012.dkr-ecr.eu-central-1.on.aws/x:1") is not None
    assert ecr_image("123456789012.dkr-ecr.cn-north-1.on.aws/x:1") is None
    assert queue("https://sqs.cn-north-1.amazonaws.com/123456789012/work") is None


def test_consoles_are_the_documented_ones_or_none() -> None:
    assert console("eu-central-1") == "https://eu-central-1.console.aws.amazon.com"
    assert console("cn-north-1") == "https://cn-north-1.console.amazonaws.cn"
    assert console("us-gov-east-1") == "https://us-gov-east-1.console.amazonaws-us-gov.com"
    assert console("eusc-de-east-1") == "https://eusc-de-east-1.console.amazonaws-eusc.eu"
    assert console("us-iso-east-1") == ""
