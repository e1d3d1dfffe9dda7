"""The manifest's sections about the service on AWS: what starts it, when, and what it is made with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.manifest import quotas
from pipeline_builder.manifest.notifications import NotificationsSection, Tells
from pipeline_builder.manifest.surroundings import CodeArtifactSection, Environment
from pipeline_builder.manifest.texts import CONNECTION_ARN, Number, as_tuple, inert, matching, number, once

TriggerKind = Literal["connection", "webhook", "codecommit", "poll", "none"]
GROUP_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
# Names go into those of roles (64 characters) and of buckets (63, lower case), each with a suffix of their own.
SERVICE_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,27}[a-z0-9]$"
_POLICY = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]{1,512}$", re.ASCII)
_ENCRYPTION = re.compile(r"^(own|aws|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[0-9a-zA-Z-]+)$")
_EMAIL = re.compile(r"^[^@\s\"'<>,;]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
_REPOSITORY = re.compile(r"^[A-Za-z0-9_][\w.-]*(/[\w.-]+){0,20}$")
_IMAGE = re.compile(r"^[\w./:@-]{1,255}$", re.ASCII)
_HOST = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})+(:[1-9]\d{0,4})?$")
# CodePipeline has no empty variables: GROUPS says with these that it names none.
_NO_GROUPS = ("all", "none")


def _group(value: str) -> str:
    if not re.match(GROUP_PATTERN, value):
        raise ValueError(
            f"the group {describe(value)} cannot be used, expected lower-case letters, digits, '-' and '_', at most 64"
        )
    if value in _NO_GROUPS:
        raise ValueError(f"the group '{value}' cannot be used: to the service 'all' and 'none' mean no group")
    return value


def _few(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > quotas.MOST_PATTERNS:
        raise ValueError(f"{len(value)} patterns are given, CodePipeline takes at most {quotas.MOST_PATTERNS}")
    return value


def _branch(value: str) -> str:
    if ".." in value or value.endswith((".", "/", ".lock")) or "@{" in value:
        raise ValueError(f"{describe(value)} cannot be used, expected a branch")
    return value


def _tag(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if (
            key.lower().startswith("aws:")
            or not 1 <= len(key) <= quotas.LONGEST_TAG_KEY
            or len(value) > quotas.LONGEST_TAG_VALUE
        ):
            raise ValueError(
                f"the tag {describe(key)} cannot be used: keys have 1 to {quotas.LONGEST_TAG_KEY} characters and don't "
                f"begin with 'aws:', values at most {quotas.LONGEST_TAG_VALUE}"
            )
        inert(key)
        inert(value)
    return tags


def _as_trigger(value: JSON) -> JSON:
    return {"kind": value} if isinstance(value, str) else value


Group = Annotated[str, AfterValidator(_group)]
Groups = Annotated[tuple[Group, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...])]
Connection = Annotated[str, matching(f"^{CONNECTION_ARN}$", "the ARN of a CodeConnections connection")]
Branch = Annotated[
    str,
    AfterValidator(inert),
    matching(r"^(?!-)[^\s~^:?*\[\\\x00-\x20\x7f]{1,255}$", "a branch"),
    AfterValidator(_branch),
]
Pattern = Annotated[str, Field(min_length=1, max_length=quotas.LONGEST_PATTERN), AfterValidator(inert)]
Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...]), AfterValidator(_few)
]
Person = Literal["approver", "operator"]
Policies = Annotated[
    tuple[Person, ...],
    BeforeValidator(as_tuple, json_schema_input_type=Person | tuple[Person, ...]),
    AfterValidator(once),
]
Tags = Annotated[dict[str, str], AfterValidator(_tag)]
Email = Annotated[str, Field(max_length=quotas.LONGEST_EMAIL), matching(_EMAIL, "an e-mail address")]
Emails = Annotated[
    tuple[Email, ...], BeforeValidator(as_tuple, json_schema_input_type=Email | tuple[Email, ...]), AfterValidator(once)
]
ScheduleName = Annotated[
    str, matching(r"^[a-z0-9][a-z0-9_-]{0,31}$", "lower-case letters, digits, '-' and '_', at most 32")
]
Vpc = Annotated[str, matching(r"^vpc-[0-9a-f]{8,17}$", "the id of a VPC, 'vpc-…'")]
Subnet = Annotated[str, matching(r"^subnet-[0-9a-f]{8,17}$", "the id of a subnet, 'subnet-…'")]
SecurityGroup = Annotated[str, matching(r"^sg-[0-9a-f]{8,17}$", "the id of a security group, 'sg-…'")]
Repository = Annotated[str, matching(_REPOSITORY, "a repository's full name, such as 'team/churn'")]


class TriggerSection(Section):
    """What starts the pipeline when a model repository changes; the kind alone may be written as a text."""

    kind: TriggerKind = Field("poll", description="how the service hears of a change")
    connection: Connection | None = Field(None, description="ARN of the connection; default: the service's")
    repository: Repository | None = Field(None, description="full name at the host; default: the path of the url")
    include: Patterns = Field((), description="start only where one of these paths changed; * and ** as globs")
    exclude: Patterns = Field((), description="don't start where only these paths changed")


class ScheduleSection(Section):
    """One entry of `schedules`: run a pipeline at these times. Exactly one of cron and rate."""

    name: ScheduleName = Field(description="lower-case letters, digits, '-' and '_', at most 32")
    pipeline: str = Field("", description="name of the pipeline that runs; default: the first that trains")
    cron: str = Field("", description="six fields as EventBridge has them: minute hour day month weekday year")
    rate: str = Field("", description="such as '12 hours' or '1 day'")
    timezone: str = Field("UTC", description="IANA name; daylight saving is followed")
    groups: Groups = Field((), description="only repositories of these groups, and what depends on them")
    cache: bool = Field(False, description="true takes unchanged steps from the step cache, false nothing")
    enabled: bool = Field(True, description="false keeps it, and keeps it from firing")
    deadline_minutes: Annotated[int, Field(ge=5, le=quotas.LONGEST_RUN), BeforeValidator(number)] | None = Field(
        None,
        description="of a pipeline that uses models: how long after its time a day may be published before the "
        "service's alarm rings; default: 'run_timeout_minutes' and an hour",
    )


class SourceSection(Section):
    """Where AWS finds the repository that this manifest is in."""

    kind: Literal["connection", "codecommit", "s3"] = Field("connection", description="what AWS takes it from")
    repository: Repository = Field("", description="full name, such as team/models; for s3 the bucket and key")
    host: Annotated[str, matching(_HOST, "the name of a git host")] = Field(
        "github.com", description="git host of a connection's repository"
    )
    branch: Branch = Field("main", description="branch that is built")
    connection: Connection | None = Field(None, description="ARN of the connection; default: the service's")


class ApprovalSection(Section):
    """Who is asked before a model is promoted."""

    emails: Emails = Field((), description="who gets a mail")
    notify: Tells = Field(("failure",), description="what mails are about besides approvals: failure, success")
    timeout_minutes: Number = Field(
        10_080,
        ge=quotas.SHORTEST_APPROVAL,
        le=quotas.LONGEST_APPROVAL,
        description="how long an approval waits; a week",
    )
    four_eyes: bool = Field(False, description="as 'four_eyes' of the manifest's own 'approval'")


class NetworkSection(Section):
    """A VPC for the builds; it needs a way to the package registries and the git hosts."""

    vpc: Vpc = Field(description="its id")
    subnets: Annotated[tuple[Subnet, ...], AfterValidator(once)] = Field(
        min_length=1, max_length=quotas.MOST_SUBNETS, description="ids of subnets, at most 16"
    )
    security_groups: Annotated[tuple[SecurityGroup, ...], AfterValidator(once)] = Field(
        min_length=1, max_length=quotas.MOST_SECURITY_GROUPS, description="ids of security groups, at most 5"
    )


class ServiceSection(Section):
    """The service on AWS; everything has a default but where this repository is."""

    later: ClassVar[Mapping[str, str]] = {}

    name: Annotated[
        str, matching(SERVICE_NAME_PATTERN, "2 to 29 lower-case letters, digits and '-', the first a letter")
    ] = Field("pipeline-builder", description="begins the names of everything that is made")
    source: SourceSection = Field(SourceSection.model_construct(), description="where this repository is")
    connection: Connection | None = Field(None, description="the connection of everything that names none")
    approval: ApprovalSection = Field(
        ApprovalSection.model_construct(), description="who is asked before a model is promoted"
    )
    notifications: NotificationsSection | None = Field(None, description="a channel of a team's chat")
    policies: Policies = Field(
        (), description="managed policies that are made for people to be given: approver, operator"
    )
    network: NetworkSection | None = Field(None, description="a VPC for the builds")
    environment: Environment = Field(
        {}, description="variables of every build: a text, secretsmanager:ID#key, parameter:NAME, or a mapping"
    )
    codeartifact: CodeArtifactSection | None = Field(None, description="the builds' package index in CodeArtifact")
    encryption: Annotated[str, matching(_ENCRYPTION, "'own', 'aws' or the ARN of a key")] = Field(
        "own", description="own: a key is made; aws: AWS's own keys; or the ARN of a key"
    )
    execution_role: Literal["per-repository", "make", "given"] = Field(
        "make",
        description="per-repository: a role for each repository's jobs, and one of the pipeline's own; make: one role "
        "with what all of it needs; given: SMP_ROLE. A new service gets the first, a deployed one keeps what it has",
    )
    permissions_boundary: Annotated[str, matching(_POLICY, "the ARN of a policy")] | None = Field(
        None, description="ARN of the policy that bounds every role"
    )
    poll_minutes: Number = Field(
        10, ge=1, le=1440, description="how often repositories with the trigger poll are looked at"
    )
    run_timeout_minutes: Number = Field(
        480, ge=quotas.SHORTEST_BUILD, le=quotas.LONGEST_RUN, description="the longest that a run may take"
    )
    wait: Literal["step-functions", "build"] = Field(
        "build",
        description="what waits for a run. step-functions: a state machine, which costs next to nothing and has no "
        "limit of 8 hours; build: the build itself. A new service gets the first, a deployed one keeps what it has",
    )
    log_days: Annotated[quotas.LogDays, BeforeValidator(number)] = Field(90, description="how long logs are kept")
    artifact_days: Number = Field(180, ge=7, le=3650, description="how long what builds hand on is kept")
    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"] = Field(
        "BUILD_GENERAL1_SMALL", description="CodeBuild's machine"
    )
    image: Annotated[str, matching(_IMAGE, "an image of CodeBuild or of a registry")] = Field(
        "aws/codebuild/amazonlinux-x86_64-standard:5.0", description="CodeBuild's image; it needs Python from 3.10 on"
    )
    tags: Tags = Field({}, description="on everything that is made")

    @model_validator(mode="after")
    def _source_is_named(self) -> ServiceSection:
        if "source" in self.model_fields_set and not self.source.repository:
            raise ValueError("'source' names no 'repository'")
        return self


Trigger = Annotated[TriggerSection, BeforeValidator(_as_trigger, json_schema_input_type=TriggerKind | TriggerSection)]
