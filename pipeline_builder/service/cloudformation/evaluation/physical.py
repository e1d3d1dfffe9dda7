"""The names and ARNs that resources would have, made up in their proper forms where a template names none."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_builder.descriptions import JSON
from pipeline_builder.regions.partitions import partition_of

_SPACE = uuid.UUID("8f0f6a0e-6f56-4a3e-9d7d-0b6a54ad52a1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a stack is: account and Region, and its own name."""

    account: str
    region: str
    stack: str = "stack"

    @property
    def partition(self) -> str:
        """The second part of the ARNs in it."""
        return partition_of(self.region).name

    @property
    def suffix(self) -> str:
        """The end of the services' host names."""
        return partition_of(self.region).suffix

    @property
    def stack_id(self) -> str:
        """The stack's ARN."""
        unique = uuid.uuid5(_SPACE, self.stack)
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/{self.stack}/{unique}"


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a resource type: the property that names it, what Ref gives, and what GetAtt gives by attribute.

    `{name}`, `{id}` (a UUID) and those of `Home` stand for themselves; so do the properties in `also`, each with what
    it is by default.
    """

    name: str = ""
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)


def _arn(service: str, rest: str) -> str:
    return f"arn:{{partition}}:{service}:{{region}}:{{account}}:{rest}"


_KEY = _arn("kms", "key/{id}")
_TOPIC = _arn("sns", "{name}")
_GROUP = _arn("sagemaker", "model-package-group/{name}")
_REPORTS = _arn("codebuild", "report-group/{name}")
_SECRET = _arn("secretsmanager", "secret:{name}-AbCdEf")
_POLICY = "arn:{partition}:iam::{account}:policy{Path}{name}"
_CONNECTION = _arn("codeconnections", "connection/{id}")
_MACHINE = _arn("states", "stateMachine:{name}")

KINDS: Mapping[str, Kind] = {
    "AWS::CloudWatch::Alarm": Kind("AlarmName", attributes={"Arn": _arn("cloudwatch", "alarm:{name}")}),
    "AWS::CodeBuild::Project": Kind("Name", attributes={"Arn": _arn("codebuild", "project/{name}")}),
    "AWS::CodeBuild::ReportGroup": Kind("Name", _REPORTS, {"Arn": _REPORTS}),
    "AWS::CodeCommit::Repository": Kind(
        "RepositoryName", "{id}", {"Arn": _arn("codecommit", "{name}"), "Name": "{name}"}
    ),
    "AWS::CodeConnections::Connection": Kind("ConnectionName", _CONNECTION, {"ConnectionArn": _CONNECTION}),
    "AWS::CodePipeline::Pipeline": Kind("Name", attributes={"Version": "1"}),
    "AWS::CodeStarConnections::Connection": Kind("ConnectionName", _CONNECTION, {"ConnectionArn": _CONNECTION}),
    "AWS::Events::EventBus": Kind("Name", attributes={"Arn": _arn("events", "event-bus/{name}")}),
    "AWS::Events::Rule": Kind("Name", attributes={"Arn": _arn("events", "rule/{name}")}),
    "AWS::IAM::ManagedPolicy": Kind("ManagedPolicyName", _POLICY, {"PolicyArn": _POLICY}, {"Path": "/"}),
    "AWS::IAM::Policy": Kind("PolicyName"),
    "AWS::IAM::Role": Kind(
        "RoleName",
        attributes={"Arn": "arn:{partition}:iam::{account}:role{Path}{name}", "RoleId": "AROAEXAMPLEEXAMPLE000"},
        also={"Path": "/"},
    ),
    "AWS::KMS::Alias": Kind("AliasName"),
    "AWS::KMS::Key": Kind("", "{id}", {"Arn": _KEY, "KeyId": "{id}"}),
    "AWS::Lambda::Function": Kind("FunctionName", attributes={"Arn": _arn("lambda", "function:{name}")}),
    "AWS::Logs::LogGroup": Kind("LogGroupName", attributes={"Arn": _arn("logs", "log-group:{name}:*")}),
    "AWS::S3::Bucket": Kind(
        "BucketName",
        attributes={
            "Arn": "arn:{partition}:s3:::{name}",
            "DomainName": "{name}.s3.{suffix}",
            "RegionalDomainName": "{name}.s3.{region}.{suffix}",
        },
    ),
    "AWS::SNS::Subscription": Kind("", _arn("sns", "{name}:{id}")),
    "AWS::SNS::Topic": Kind("TopicName", _TOPIC, {"TopicArn": _TOPIC, "TopicName": "{name}"}),
    "AWS::SQS::Queue": Kind(
        "QueueName",
        "https://sqs.{region}.{suffix}/{account}/{name}",
        {
            "Arn": _arn("sqs", "{name}"),
            "QueueName": "{name}",
            "QueueUrl": "https://sqs.{region}.{suffix}/{account}/{name}",
        },
    ),
    "AWS::SSM::Parameter": Kind("Name"),
    "AWS::SageMaker::ModelPackageGroup": Kind("ModelPackageGroupName", _GROUP, {"ModelPackageGroupArn": _GROUP}),
    "AWS::SageMaker::Pipeline": Kind("PipelineName"),
    "AWS::Scheduler::Schedule": Kind(
        "Name", attributes={"Arn": _arn("scheduler", "schedule/{GroupName}/{name}")}, also={"GroupName": "default"}
    ),
    "AWS::Scheduler::ScheduleGroup": Kind("Name", attributes={"Arn": _arn("scheduler", "schedule-group/{name}")}),
    "AWS::SecretsManager::Secret": Kind("Name", _SECRET, {"Id": _SECRET}),
    "AWS::StepFunctions::StateMachine": Kind("StateMachineName", _MACHINE, {"Arn": _MACHINE, "Name": "{name}"}),
}
# What has no entry has no name property and no attributes that we know; Ref gives a made-up name.
UNKNOWN = Kind()


def kind_of(resource_type: str) -> Kind:
    """Return how resources of the type are named."""
    return KINDS.get(resource_type, UNKNOWN)


def made_values(resource_type: str, logical_id: str, properties: Mapping[str, JSON], home: Home) -> dict[str, str]:
    """Return what Ref (under "") and GetAtt (by attribute) give for a resource whose properties are worked out."""
    kind = kind_of(resource_type)
    words = {"name": properties.get(kind.name)} | {key: properties.get(key) for key in kind.also}
    given = {word: str(value) for word, value in words.items() if value}
    return {
        attribute: fill(form, home, logical_id, {**kind.also, **given})
        for attribute, form in {"": kind.ref, **kind.attributes}.items()
    }


def fill(form: str, home: Home, logical_id: str, words: Mapping[str, str]) -> str:
    """Return a form with its words filled in; a resource without a name is called `<stack>-<logical id>`."""
    return form.format(
        account=home.account,
        region=home.region,
        partition=home.partition,
        suffix=home.suffix,
        id=uuid.uuid5(_SPACE, f"{home.stack}/{logical_id}"),
        **{"name": f"{home.stack}-{logical_id}", **words},
    )
