"""Which Regions lack a service that this tool uses, as far as it was known; what is newer is not in it.

Two sources, and a test holds the table against both: the endpoints of botocore 1.44 (E), and the types of resources
that CloudFormation has in a Region, as cfn-lint 1.58 has them (T; it knows AWS, China and GovCloud, no other
partition). What either of them lacks is in the table. It is certain where no Region of a partition has it by either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.regions.partitions import partition_of

AS_OF = "November 2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsService:
    """A service: its name for people, and its keys in the sources; those that a source hasn't got are empty.

    `only` are the Regions that AWS's documentation lists, where there is nothing else to go by.
    """

    title: str
    endpoint: str = ""
    type: str = ""
    only: frozenset[str] = frozenset()


SERVICES: Mapping[str, AwsService] = {
    "codepipeline": AwsService(title="CodePipeline", endpoint="codepipeline", type="AWS::CodePipeline::Pipeline"),
    "codebuild": AwsService(title="CodeBuild", endpoint="codebuild", type="AWS::CodeBuild::Project"),
    # https://docs.aws.amazon.com/codebuild/latest/userguide/lambda.html#lambda.regions
    "codebuild-lambda": AwsService(
        title="CodeBuild's Lambda compute",
        only=frozenset(
            (
                "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "eu-central-1", "eu-west-1",
                "sa-east-1", "us-east-1", "us-east-2", "us-west-2",
            )
        ),
    ),
    "codecommit": AwsService(title="CodeCommit", endpoint="codecommit", type="AWS::CodeCommit::Repository"),
    "codeartifact": AwsService(title="CodeArtifact", endpoint="codeartifact", type="AWS::CodeArtifact::Repository"),
    "codeconnections": AwsService(
        title="CodeConnections", endpoint="codestar-connections", type="AWS::CodeConnections::Connection"
    ),
    "scheduler": AwsService(title="EventBridge Scheduler", endpoint="scheduler", type="AWS::Scheduler::Schedule"),
    "events": AwsService(title="EventBridge", endpoint="events", type="AWS::Events::Rule"),
    "chatbot": AwsService(title="Chatbot", type="AWS::Chatbot::SlackChannelConfiguration"),
    "states": AwsService(title="Step Functions", endpoint="states", type="AWS::StepFunctions::StateMachine"),
    "sagemaker": AwsService(title="SageMaker Pipelines", endpoint="api.sagemaker", type="AWS::SageMaker::Pipeline"),
}  # fmt: skip

_NEW = ("ap-east-2", "ca-west-1", "mx-central-1")
_ISOLATED = (
    "eu-isoe-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "us-isof-east-1",
    "us-isof-south-1",
)  # fmt: skip
LACKING: Mapping[str, frozenset[str]] = {
    "codepipeline": frozenset(
        (
            *_NEW, "ap-southeast-7", "eu-isoe-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1",
            "us-isob-west-1",
        )
    ),
    "codebuild": frozenset((*_NEW, "eu-isoe-west-1", "us-isob-west-1")),
    "codecommit": frozenset(
        (
            *_NEW, *_ISOLATED, "af-south-1", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
            "ap-southeast-6", "ap-southeast-7", "eu-central-2", "eu-south-2", "eusc-de-east-1", "il-central-1",
            "me-central-1",
        )
    ),
    "codeartifact": frozenset(
        (
            *_NEW, *_ISOLATED, "af-south-1", "ap-east-1", "ap-northeast-2", "ap-northeast-3", "ap-south-2",
            "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1",
            "cn-north-1", "cn-northwest-1", "eu-central-2", "eu-south-2", "eusc-de-east-1", "il-central-1",
            "me-central-1", "me-south-1", "sa-east-1", "us-gov-east-1", "us-gov-west-1", "us-west-1",
        )
    ),
    "codeconnections": frozenset(
        (
            *_NEW, *_ISOLATED, "af-south-1", "ap-east-1", "ap-northeast-3", "ap-south-2", "ap-southeast-3",
            "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "cn-north-1", "cn-northwest-1",
            "eu-central-2", "eu-south-2", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1",
        )
    ),
    "chatbot": frozenset(("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1")),
    "sagemaker": frozenset(("us-iso-west-1", "us-isob-west-1")),
}  # fmt: skip
CERTAIN = frozenset(
    (
        ("codeconnections", "aws-cn"), ("codeartifact", "aws-cn"), ("codeartifact", "aws-us-gov"),
        ("chatbot", "aws-cn"), ("chatbot", "aws-us-gov"),
    )
)  # fmt: skip
"""Services that no Region of a partition has, by every source."""
REGIONS = frozenset(
    (
        "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
        "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
        "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1",
        "eu-central-2", "eu-isoe-west-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
        "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1",
        "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1",
        "us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2",
    )
)  # fmt: skip
"""The Regions that botocore knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A service that a Region hasn't got; `certain` where its whole partition hasn't."""

    service: AwsService
    partition: str
    certain: bool


def find_lack(service: str, region: str) -> Lack | None:
    """Return that a Region lacks a service; None where it has it, or isn't known."""
    found, partition = SERVICES[service], partition_of(region).name
    missing = region not in found.only if found.only else region in LACKING.get(service, ())
    certain = (service, partition) in CERTAIN
    if region not in REGIONS or not (missing or certain):
        return None
    return Lack(service=found, partition=partition, certain=certain)
