"""The value that the templates are rendered from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.cloudformation.access import Role
from pipeline_builder.cloudformation.hosts import find_provider, parse_address
from pipeline_builder.cloudformation.schedules import Timing, build_schedules
from pipeline_builder.cloudformation.triggers import Triggers, build_triggers
from pipeline_builder.errors import Problem
from pipeline_builder.manifest import Manifest
from pipeline_builder.service import ServiceSection

# CodePipeline keeps its artifacts below the first twenty characters of the pipeline's name.
_ARTIFACT_PREFIX = 20
OWN_PREFIXES = ("builds", "runs", "watch")
_MOST_TAGS = 50
_TAG = re.compile(r"^[\w\s.:/=+@-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where AWS finds this repository.

    `provider` is CodeBuild's word for it, `location` where CodeBuild clones it from. `clone` says that the build needs
    the repository with its history, since model repositories are inside it.
    """

    kind: str
    repository: str
    branch: str
    connection: str
    provider: str
    location: str
    bucket: str
    key: str
    clone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The account and what the definition lives with in it; `pipeline` is that of SageMaker."""

    account: str
    region: str
    pipeline: str
    bucket: str
    role: str
    manifest: str
    kms_key: str
    subnets: str
    security_groups: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceModel:
    """Everything that stands in the templates."""

    service: ServiceSection
    place: Place
    source: Source
    triggers: Triggers
    schedules: tuple[Timing, ...]
    roles: tuple[Role, ...] = ()

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def tags(self) -> Mapping[str, str]:
        return {**dict(sorted(self.service.tags.items())), "pipeline-builder:service": self.name}

    @property
    def own_key(self) -> bool:
        """A key is made with the storage."""
        return self.service.encryption == "own"

    @property
    def has_key(self) -> bool:
        return self.service.encryption != "aws"

    @property
    def own_image(self) -> bool:
        """The builds' image is none of CodeBuild's, which are pulled with its own credentials only."""
        return not self.service.image.startswith("aws/codebuild/")

    @property
    def artifact_bucket(self) -> str:
        return f"{self.name}-{self.place.account}-{self.place.region}"

    @property
    def artifact_prefix(self) -> str:
        return self.name[:_ARTIFACT_PREFIX]

    @property
    def projects(self) -> tuple[str, ...]:
        """The builds that run this repository's buildspec, in the order of the pipeline."""
        return ("build", "train", "promote", "worker")


def build_model(manifest: Manifest, place: Place) -> tuple[ServiceModel, tuple[Problem, ...]]:
    """Return the model of the service without its roles, and every problem (PB601 to PB615), warnings among them."""
    service = manifest.service
    triggers, trigger_problems = build_triggers(manifest.repos, service, region=place.region)
    schedules, schedule_problems = build_schedules(manifest.schedules)
    relative = any(parse_address(repo.url).relative for repo in manifest.repos)
    source = build_source(service, region=place.region, clone=relative)
    model = ServiceModel(service=service, place=place, source=source, triggers=triggers, schedules=schedules)
    return model, (*trigger_problems, *schedule_problems, *_problems(model, manifest))


def build_source(service: ServiceSection, *, region: str, clone: bool) -> Source:
    """Return where AWS finds this repository."""
    section = service.source
    host = section.host
    bucket, _, key = section.repository.partition("/")
    match section.kind:
        case "connection":
            provider, location = find_provider(host) or "", f"https://{host}/{section.repository}.git"
        case "codecommit":
            location = f"https://git-codecommit.{region}.amazonaws.com/v1/repos/{section.repository}"
            provider = "CODECOMMIT"
        case _:
            provider, location = "S3", section.repository
    return Source(
        kind=section.kind,
        repository=section.repository,
        branch=section.branch,
        connection=section.connection or service.connection or "",
        provider=provider,
        location=location,
        bucket=bucket if section.kind == "s3" else "",
        key=key if section.kind == "s3" else "",
        clone=clone,
    )


def _problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    where = manifest.service_place
    if not model.source.repository:
        message = "'service' has no 'source': AWS must know where this repository is"
        hint = "write 'source: {kind: connection, repository: team/models}' in 'service'"
        yield Problem(id="PB613", message=message, place=where, hint=hint)
    elif model.source.kind == "connection" and not model.source.connection:
        message = "the source of the service is a connection, and none is named"
        hint = "write its ARN as 'connection' of 'service', or of 'source' in it"
        yield Problem(id="PB605", message=message, place=where, hint=hint)
    elif model.source.kind == "connection" and not model.source.provider:
        message = f"which kind of git host '{model.source.location}' is cannot be told from its name"
        yield Problem(id="PB613", message=message, place=where, hint="expected github or gitlab in the host's name")
    if model.source.kind == "s3" and not model.source.key:
        message = f"the source '{model.source.repository}' in S3 is a bucket without a key"
        yield Problem(id="PB613", message=message, place=where, hint="write it as 'bucket/folder/source.zip'")
    if model.place.pipeline in (model.artifact_prefix, *OWN_PREFIXES):
        message = (
            f"the pipeline '{model.place.pipeline}' keeps its code and models below 's3://{model.place.bucket}/"
            f"{model.place.pipeline}/', where the service keeps what it throws away"
        )
        yield Problem(id="PB614", message=message, place=where, hint="give the service another 'name'")
    if len(model.tags) > _MOST_TAGS:
        message = f"{len(model.service.tags)} tags, and one of the service's own: AWS takes {_MOST_TAGS}"
        yield Problem(id="PB615", message=message, place=where, hint="leave some out")
    for key, value in model.service.tags.items():
        if not (_TAG.match(key) and _TAG.match(value)):
            message = f"the tag '{key}' has a character that not every service takes"
            hint = "expected letters, digits, spaces and . : / = + @ - _"
            yield Problem(id="PB615", message=message, place=where, hint=hint)
