"""The manifest's sections about the service on AWS: what starts it, when, and what it is made with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe

TriggerKind = Literal["connection", "webhook", "codecommit", "poll", "none"]
GROUP_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
# Names go into those of roles (64 characters) and of buckets (63, lower case), each with a suffix of their own.
SERVICE_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,27}[a-z0-9]$"
_CONNECTION = re.compile(
    r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]{36}$"
)
_ROLE = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:(role|policy)/[\w+=,.@/-]{1,512}$")
_ENCRYPTION = re.compile(r"^(own|aws|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[0-9a-zA-Z-]+)$")
_EMAIL = re.compile(r"^[^@\s\"'<>,;]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
_REPOSITORY = re.compile(r"^[A-Za-z0-9_][\w.-]*(/[\w.-]+){0,20}$")
_IMAGE = re.compile(r"^[\w./:@-]{1,255}$", re.ASCII)
_HOST = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})+(:[1-9]\d{0,4})?$")
_RESOLVE = re.compile(r"\{\{\s*resolve", re.IGNORECASE)
# What CloudWatch Logs takes.
_LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
_MOST_PATTERNS = 8
# CodePipeline has no empty variables: GROUPS says with these that it names none.
_NO_GROUPS = ("all", "none")


def _matching(pattern: str | re.Pattern[str], expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.match(pattern, value) or "\n" in value:
            raise ValueError(f"{describe(value)} cannot be used, expected {expected}")
        return value

    return AfterValidator(check)


def inert(value: str) -> str:
    """Refuse what CloudFormation or CodePipeline would not take as text: they have no way to escape it."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError(f"{describe(value)} has a control character in it")
    if _RESOLVE.search(value):
        raise ValueError(f"{describe(value)} would be resolved by CloudFormation ('{{{{resolve:…}}}}')")
    if "#{" in value:
        raise ValueError(f"{describe(value)} would be taken for a variable by CodePipeline ('#{{…}}')")
    return value


def _group(value: str) -> str:
    if not re.match(GROUP_PATTERN, value):
        raise ValueError(
            f"the group {describe(value)} cannot be used, expected lower-case letters, digits, '-' and '_', at most 64"
        )
    if value in _NO_GROUPS:
        raise ValueError(f"the group '{value}' cannot be used: to the service 'all' and 'none' mean no group")
    return value


def _few(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > _MOST_PATTERNS:
        raise ValueError(f"{len(value)} patterns are given, CodePipeline takes at most {_MOST_PATTERNS}")
    return value


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{describe(value)} stands twice in this list")
    return values


def _number(value: JSON) -> JSON:
    # `yes` and `on` are booleans to YAML, and to Python 1.
    if isinstance(value, bool):
        raise ValueError(f"this is {describe(value)}, expected a whole number")  # noqa: TRY004 - pydantic wants it
    return value


def _branch(value: str) -> str:
    if ".." in value or value.endswith((".", "/", ".lock")) or "@{" in value:
        raise ValueError(f"{describe(value)} cannot be used, expected a branch")
    return value


def _tag(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if key.lower().startswith("aws:") or not 1 <= len(key) <= 128 or len(value) > 256:
            raise ValueError(
                f"the tag {describe(key)} cannot be used: keys have 1 to 128 characters and don't begin with 'aws:', "
                "values at most 256"
            )
        inert(key)
        inert(value)
    return tags


def as_tuple(value: JSON) -> JSON:
    """A single text stands for a list of one."""
    return [value] if isinstance(value, str) else value


def _as_trigger(value: JSON) -> JSON:
    return {"kind": value} if isinstance(value, str) else value


Group = Annotated[str, AfterValidator(_group)]
Groups = Annotated[tuple[Group, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...])]
Connection = Annotated[str, _matching(_CONNECTION, "the ARN of a CodeConnections connection")]
Branch = Annotated[
    str,
    _matching(r"^[^\s~^:?*\[\\\x00-\x20\x7f-]\S{0,254}$", "a branch"),
    AfterValidator(inert),
    AfterValidator(_branch),
]
Pattern = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(inert)]
Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...]), AfterValidator(_few)
]
Tags = Annotated[dict[str, str], AfterValidator(_tag)]
Number = Annotated[int, BeforeValidator(_number)]
Email = Annotated[str, _matching(_EMAIL, "an e-mail address")]
ScheduleName = Annotated[
    str, _matching(r"^[a-z0-9][a-z0-9_-]{0,31}$", "lower-case letters, digits, '-' and '_', at most 32")
]
Vpc = Annotated[str, _matching(r"^vpc-[0-9a-f]{8,17}$", "the id of a VPC, 'vpc-…'")]
Subnet = Annotated[str, _matching(r"^subnet-[0-9a-f]{8,17}$", "the id of a subnet, 'subnet-…'")]
SecurityGroup = Annotated[str, _matching(r"^sg-[0-9a-f]{8,17}$", "the id of a security group, 'sg-…'")]
Repository = Annotated[str, _matching(_REPOSITORY, "a repository's full name, such as 'team/churn'")]


class TriggerSection(Section):
    """What starts the pipeline when a model repository changes; the kind alone may be written as a text."""

    kind: TriggerKind = Field("poll", description="how the service hears of a change")
    connection: Connection | None = Field(None, description="ARN of the connection; default: the service's")
    repository: Repository | None = Field(None, description="full name at the host; default: the path of the url")
    include: Patterns = Field((), description="start only where one of these paths changed; * and ** as globs")
    exclude: Patterns = Field((), description="don't start where only these paths changed")


class ScheduleSection(Section):
    """One entry of `schedules`: retrain at these times. Exactly one of cron and rate."""

    name: ScheduleName = Field(description="lower-case letters, digits, '-' and '_', at most 32")
    cron: str = Field("", description="six fields as EventBridge has them: minute hour day month weekday year")
    rate: str = Field("", description="such as '12 hours' or '1 day'")
    timezone: str = Field("UTC", description="IANA name; daylight saving is followed")
    groups: Groups = Field((), description="only repositories of these groups, and what depends on them")
    cache: bool = Field(False, description="true takes unchanged steps from the step cache, false nothing")
    enabled: bool = Field(True, description="false keeps it, and keeps it from firing")


class SourceSection(Section):
    """Where AWS finds the repository that this manifest is in."""

    kind: Literal["connection", "codecommit", "s3"] = Field("connection", description="what AWS takes it from")
    repository: Repository = Field("", description="full name, such as team/models; for s3 the bucket and key")
    host: Annotated[str, _matching(_HOST, "the name of a git host")] = Field(
        "github.com", description="git host of a connection's repository"
    )
    branch: Branch = Field("main", description="branch that is built")
    connection: Connection | None = Field(None, description="ARN of the connection; default: the service's")


class ApprovalSection(Section):
    """Who is asked before a model is promoted."""

    emails: Annotated[tuple[Email, ...], AfterValidator(_once)] = Field((), description="who gets a mail")
    timeout_minutes: Number = Field(10_080, ge=5, le=86_400, description="how long an approval waits; a week")
    four_eyes: bool = Field(False, description="as 'four_eyes' of the manifest's own 'approval'")


class NetworkSection(Section):
    """A VPC for the builds; it needs a way to the package registries and the git hosts."""

    vpc: Vpc = Field(description="its id")
    subnets: tuple[Subnet, ...] = Field(min_length=1, max_length=16, description="ids of subnets, at most 16")
    security_groups: tuple[SecurityGroup, ...] = Field(
        min_length=1, max_length=5, description="ids of security groups, at most 5"
    )


class ServiceSection(Section):
    """The service on AWS; everything has a default but where this repository is."""

    later: ClassVar[Mapping[str, str]] = {}

    name: Annotated[
        str, _matching(SERVICE_NAME_PATTERN, "2 to 29 lower-case letters, digits and '-', the first a letter")
    ] = Field("pipeline-builder", description="begins the names of everything that is made")
    source: SourceSection = Field(SourceSection(), description="where this repository is")
    connection: Connection | None = Field(None, description="the connection of everything that names none")
    approval: ApprovalSection = Field(ApprovalSection(), description="who is asked before a model is promoted")
    network: NetworkSection | None = Field(None, description="a VPC for the builds")
    encryption: Annotated[str, _matching(_ENCRYPTION, "'own', 'aws' or the ARN of a key")] = Field(
        "own", description="own: a key is made; aws: AWS's own keys; or the ARN of a key"
    )
    execution_role: Literal["per-repository", "make", "given"] = Field(
        "make",
        description="per-repository: a role for each repository's jobs, and one of the pipeline's own; make: one role "
        "with what all of it needs; given: SMP_ROLE. A new service gets the first, a deployed one keeps what it has",
    )
    permissions_boundary: Annotated[str, _matching(_ROLE, "the ARN of a policy")] | None = Field(
        None, description="ARN of the policy that bounds every role"
    )
    poll_minutes: Number = Field(
        10, ge=1, le=1440, description="how often repositories with the trigger poll are looked at"
    )
    run_timeout_minutes: Number = Field(480, ge=5, le=86_160, description="the longest that a run may take")
    wait: Literal["step-functions", "build"] = Field(
        "build",
        description="what waits for a run. step-functions: a state machine, which costs next to nothing and has no "
        "limit of 8 hours; build: the build itself. A new service gets the first, a deployed one keeps what it has",
    )
    log_days: Annotated[_LogDays, BeforeValidator(_number)] = Field(90, description="how long logs are kept")
    artifact_days: Number = Field(180, ge=7, le=3650, description="how long what builds hand on is kept")
    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"] = Field(
        "BUILD_GENERAL1_SMALL", description="CodeBuild's machine"
    )
    image: Annotated[str, _matching(_IMAGE, "an image of CodeBuild or of a registry")] = Field(
        "aws/codebuild/amazonlinux-x86_64-standard:5.0", description="CodeBuild's image; it needs Python from 3.10 on"
    )
    tags: Tags = Field({}, description="on everything that is made")

    @model_validator(mode="after")
    def _source_is_named(self) -> ServiceSection:
        if "source" in self.model_fields_set and not self.source.repository:
            raise ValueError("'source' names no 'repository'")
        return self


Trigger = Annotated[TriggerSection, BeforeValidator(_as_trigger, json_schema_input_type=TriggerKind | TriggerSection)]
