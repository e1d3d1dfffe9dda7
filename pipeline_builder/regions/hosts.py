"""Hosts of AWS's services in all partitions: made from a Region, and recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline_builder.regions.partitions import PARTITIONS, partition_of

_SUFFIX = "|".join(re.escape(suffix) for suffix in sorted({found.suffix for found in PARTITIONS}))
_DUAL = "|".join(re.escape(suffix) for suffix in sorted({found.dual_stack for found in PARTITIONS}))
_NAME = r"[a-z]{2,5}(?:-[a-z]+)+-\d{1,2}"
_REGION = rf"(?P<region>{_NAME})"
# By a VPC endpoint a repository has a name of its own before that of the service.
_CODECOMMIT = re.compile(
    rf"(?:vpce-[0-9a-z-]+\.)?git-codecommit(?:-fips)?\.{_REGION}\.(?P<vpce>vpce\.)?(?P<suffix>{_SUFFIX}|{_DUAL})",
    re.ASCII,
)
_IMAGE = re.compile(
    rf"(?P<account>\d{{12}})\.dkr(?:\.ecr(?:-fips)?\.{_REGION}\.(?P<suffix>{_SUFFIX})"
    # Dual-stack registries have a domain of their own: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
    rf"|-ecr(?:-fips)?\.(?P<dual>{_NAME})\.(?P<on>on\.[a-z.]+))"
    r"/(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_ON = {
    "aws": "on.aws",
    "aws-us-gov": "on.aws",
    "aws-cn": "on.amazonwebservices.com.cn",
    "aws-eusc": "on.amazonwebservices.eu",
}
# Whoever only asks whose an address is takes more for S3's than there is: any host of it, in any partition.
_S3 = re.compile(
    rf"https://(?:s3[.-][\w.-]*(?:{_SUFFIX})/(?P<path>[^/]+)|(?P<host>[^/]+?)\.s3[.-][\w.-]*(?:{_SUFFIX}))"
    r"(?:/(?P<key>.*))?\Z",
    re.DOTALL,
)
_QUEUE = re.compile(
    rf"https://(?:sqs(?:-fips)?\.{_REGION}\.(?P<suffix>{_SUFFIX}|{_DUAL}))/(?P<account>\d{{12}})/(?P<name>[\w-]+(?:\.fifo)?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrImage:
    """An image in Amazon ECR; tag and digest are empty where the address has none."""

    account: str
    region: str
    repository: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue of Amazon SQS."""

    partition: str
    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{self.name}"


def host(service: str, region: str) -> str:
    """Return the host of a service in a Region: `s3.eu-central-1.amazonaws.com`."""
    return f"{service}.{region}.{partition_of(region).suffix}"


def codecommit_url(repository: str, region: str) -> str:
    """Return where git finds a repository of CodeCommit."""
    return f"https://{host('git-codecommit', region)}/v1/repos/{repository}"


def codecommit_region(name: str) -> str:
    """Return the Region of a git host of CodeCommit (also FIPS, dual-stack, VPC endpoints); empty for other hosts."""
    match = _CODECOMMIT.fullmatch(name)
    return match["region"] if match and _belongs(match["region"], match["suffix"]) else ""


def registry(account: str, region: str) -> str:
    """Return the host of an account's images in Amazon ECR."""
    return f"{account}.dkr.{host('ecr', region)}"


def ecr_image(address: str) -> EcrImage | None:
    """Take the address of an image in Amazon ECR apart; None for one that is elsewhere."""
    match = _IMAGE.fullmatch(address)
    if match is None:
        return None
    region = match["region"] or match["dual"]
    right = _ON.get(partition_of(region).name) == match["on"] if match["dual"] else _belongs(region, match["suffix"])
    return (
        EcrImage(
            account=match["account"],
            region=region,
            repository=match["repository"],
            tag=match["tag"] or "",
            digest=match["digest"] or "",
        )
        if right
        else None
    )


def queue_url(region: str, account: str, name: str) -> str:
    """Return the address of a queue."""
    return f"https://{host('sqs', region)}/{account}/{name}"


def queue(url: str) -> Queue | None:
    """Take the address of a queue apart; None for what is none."""
    match = _QUEUE.fullmatch(url)
    if match is None or not _belongs(match["region"], match["suffix"]):
        return None
    name = partition_of(match["region"]).name
    return Queue(partition=name, region=match["region"], account=match["account"], name=match["name"])


def s3_url(url: str) -> tuple[str, str] | None:
    """Return bucket and key (as it is quoted) of a web address in S3, whichever its style; None for others."""
    match = _S3.match(url)
    return (match["path"] or match["host"], match["key"] or "") if match else None


def _belongs(region: str, suffix: str) -> bool:
    """Tell whether a host's suffix is that of its Region's partition: `cn-north-1.amazonaws.com` is none of AWS's."""
    partition = partition_of(region)
    return suffix in (partition.suffix, partition.dual_stack)
