"""Partitions of AWS: how each is named in ARNs, hosts and consoles.

Names, Regions and DNS suffixes are those of botocore's partitions.json, which a test holds them against; botocore
itself stays in `aws/`. It knows no consoles: these are the documented ones (AWS, China, GovCloud, the European
Sovereign Cloud). Of the isolated partitions none is published, and no address is better than a wrong one.

Service principals need no table: those of this tool's services end in `amazonaws.com` in every partition, but for
CloudWatch Logs in key policies, which is `logs.<region>.<suffix>` (`AWS::URLSuffix` in templates).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One of AWS's partitions; `console` is the domain of its console, empty where none is known.

    `regions` is the pattern of its Regions' names; those that a newer AWS has match as well.
    """

    name: str
    regions: re.Pattern[str]
    suffix: str
    dual_stack: str
    console: str = ""

    def console_of(self, region: str) -> str:
        """Return the address of the console in a Region, empty where none is known."""
        return f"https://{region}.{self.console}" if self.console else ""


def _regions(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


PARTITIONS = (
    Partition(
        name="aws",
        regions=_regions(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+"),
        suffix="amazonaws.com",
        dual_stack="api.aws",
        console="console.aws.amazon.com",
    ),
    Partition(
        name="aws-cn",
        regions=_regions(r"cn-\w+-\d+"),
        suffix="amazonaws.com.cn",
        dual_stack="api.amazonwebservices.com.cn",
        console="console.amazonaws.cn",
    ),
    Partition(
        name="aws-us-gov",
        regions=_regions(r"us-gov-\w+-\d+"),
        suffix="amazonaws.com",
        dual_stack="api.aws",
        console="console.amazonaws-us-gov.com",
    ),
    Partition(
        name="aws-eusc",
        regions=_regions(r"eusc-(de)-\w+-\d+"),
        suffix="amazonaws.eu",
        dual_stack="api.amazonwebservices.eu",
        console="console.amazonaws-eusc.eu",
    ),
    Partition(name="aws-iso", regions=_regions(r"us-iso-\w+-\d+"), suffix="c2s.ic.gov", dual_stack="api.aws.ic.gov"),
    Partition(
        name="aws-iso-b", regions=_regions(r"us-isob-\w+-\d+"), suffix="sc2s.sgov.gov", dual_stack="api.aws.scloud"
    ),
    Partition(
        name="aws-iso-e",
        regions=_regions(r"eu-isoe-\w+-\d+"),
        suffix="cloud.adc-e.uk",
        dual_stack="api.cloud-aws.adc-e.uk",
    ),
    Partition(
        name="aws-iso-f",
        regions=_regions(r"us-isof-\w+-\d+"),
        suffix="csp.hci.ic.gov",
        dual_stack="api.aws.hci.ic.gov",
    ),
)
_BY_NAME = {partition.name: partition for partition in PARTITIONS}
LONGEST_NAME = max(_BY_NAME, key=len)
LONGEST_SUFFIX = max((partition.suffix for partition in PARTITIONS), key=len)


def partition_of(region: str) -> Partition:
    """Return the partition that a Region is in; what looks like none is taken for one of AWS's first."""
    return next((found for found in PARTITIONS if found.regions.fullmatch(region)), PARTITIONS[0])


def named(partition: str) -> Partition | None:
    """Return the partition of that name, as the second part of an ARN has it; None for one that isn't AWS's."""
    return _BY_NAME.get(partition)


def console(region: str) -> str:
    """Return the address of the console in a Region, without a path; empty where none is known."""
    return partition_of(region).console_of(region)
