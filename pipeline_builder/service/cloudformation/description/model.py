"""The value that the templates are rendered from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pipeline_builder.definition.made import Made
from pipeline_builder.definition.names import logical_id
from pipeline_builder.errors import Place as FilePlace
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.pipelines import Kind, PipelineTrigger
from pipeline_builder.manifest.quotas import AFTER_RUN, AFTER_WAIT, LONGEST_BUILD, LONGEST_BUILD_ACTION, MOST_TAGS
from pipeline_builder.manifest.service import ServiceSection
from pipeline_builder.regions.hosts import codecommit_url
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.cloudformation.access.projects import STAGES
from pipeline_builder.service.cloudformation.access.roles import Role
from pipeline_builder.service.cloudformation.access.waiting import machine_name, run_stage
from pipeline_builder.service.cloudformation.description.availability import find_regional
from pipeline_builder.service.cloudformation.description.called import name_problems
from pipeline_builder.service.cloudformation.description.hosts import find_provider
from pipeline_builder.service.cloudformation.description.lasting import lasting_problems
from pipeline_builder.service.cloudformation.description.lateness import MOST_HOURS, late_after
from pipeline_builder.service.cloudformation.description.schedules import Timing, build_schedules
from pipeline_builder.service.cloudformation.description.starting import (
    Gathered,
    gathered_events,
    landing_buckets,
)
from pipeline_builder.service.cloudformation.description.telling import Telling, telling_problems
from pipeline_builder.service.cloudformation.description.triggers import Triggers, build_triggers, is_pattern
from pipeline_builder.stacks.stacks import OWNER_TAG

# CodePipeline keeps its artifacts below the first twenty characters of the pipeline's name.
_ARTIFACT_PREFIX = 20
_TAG = re.compile(r"^[\w\s.:/=+@-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What a kind of source calls a repository, and what is said of anything else."""

    pattern: re.Pattern[str]
    fault: str
    hint: str


_SOURCES = {
    "connection": _Expected(
        pattern=re.compile(r"^[^/]+/.+$"),
        fault="no full name of a repository at its host",
        hint="write it as 'team/models'",
    ),
    "codecommit": _Expected(
        pattern=re.compile(r"^[\w.-]{1,100}$", re.ASCII),
        fault="no name of a CodeCommit repository, which has no '/' in it",
        hint="write it as 'models'",
    ),
    "s3": _Expected(
        pattern=re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+$"),
        fault="no bucket with a key in it",
        hint="write it as 'bucket/folder/source.zip'; a bucket has 3 to 63 lower-case letters, digits, '.' and '-'",
    ),
}


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
    prefix: str = ""
    kms_key: str
    subnets: str
    security_groups: str

    @property
    def console(self) -> str:
        """The domain of the console, empty where none is known."""
        return partition_of(self.region).console


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceModel:
    """Everything that stands in the templates; `people` has the policies that somebody gives to persons, `made` what is
    there for Lambda and Callback steps; `factories` says that some repository may have steps made by a function.

    That is the main pipeline with what starts and tells. `further` are the others, each a model of its own with another
    name: `handle` is theirs in the manifest, `owner` the service's name. `used` are the groups of the models that one
    uses, `asking` those of a training pipeline whose scores may ask for a training, `late_after` are the hours after
    which a publication is late.
    """

    service: ServiceSection
    place: Place
    source: Source
    triggers: Triggers
    schedules: tuple[Timing, ...]
    roles: tuple[Role, ...] = ()
    people: tuple[Role, ...] = ()
    made: Made = field(default_factory=Made)
    factories: bool = False
    handle: str = ""
    kind: Kind = "training"
    owner: str = ""
    used: tuple[str, ...] = ()
    asking: tuple[str, ...] = ()
    trigger: PipelineTrigger = field(default_factory=PipelineTrigger.model_construct)
    late_after: int | None = None
    further: tuple[ServiceModel, ...] = ()

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def id(self) -> str:
        """What begins the names of its resources in the template; nothing for the main pipeline."""
        return logical_id("Of", self.handle) if self.handle else ""

    @property
    def pipelines(self) -> tuple[ServiceModel, ...]:
        """All pipelines of the service, the main one first."""
        return (self, *self.further)

    @property
    def gathered(self) -> tuple[Gathered, ...]:
        """The events that start a pipeline in batches."""
        return tuple(found for one in self.pipelines for found in gathered_events(one))

    @property
    def listens(self) -> bool:
        """New objects in the artifact bucket start something."""
        return self.artifact_bucket in landing_buckets(self.pipelines)

    @property
    def rings_late(self) -> bool:
        """An alarm can look back as far as a late publication."""
        return self.late_after is not None and self.late_after <= MOST_HOURS

    @property
    def caches(self) -> str:
        """What the names of its builds' caches begin with."""
        return f"{self.handle}/" if self.handle else ""

    @property
    def tags(self) -> Mapping[str, str]:
        return {**dict(sorted(self.service.tags.items())), OWNER_TAG: self.owner or self.name}

    @property
    def telling(self) -> Telling:
        """Who is told of what."""
        return Telling(service=self.service)

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
        return f"{self.owner or self.name}-{self.place.account}-{self.place.region}"

    @property
    def connections(self) -> tuple[str, ...]:
        """Every connection that some role uses: of sources, of webhooks, and those that repositories are fetched by."""
        roles = (role for pipeline in self.pipelines for role in pipeline.roles)
        statements = (one for role in roles for policy in (role.statements, *role.managed) for one in policy)
        used = (one for one in statements if any(action.endswith(":UseConnection") for action in one.actions))
        return tuple(sorted({arn for one in used for arn in one.resources}))

    @property
    def artifact_prefix(self) -> str:
        return self.name[:_ARTIFACT_PREFIX]

    @property
    def artifact_prefixes(self) -> tuple[str, ...]:
        """Where CodePipeline keeps what the actions of all pipelines hand on; that of the main one is the first."""
        return tuple(dict.fromkeys(one.artifact_prefix for one in self.pipelines))

    @property
    def also_pushed(self) -> tuple[ServiceModel, ...]:
        """The pipelines beside the main one that a push starts too, where no trigger of their own does it."""
        return tuple(one for one in self.further if one.kind == "training")

    def of(self, handle: str) -> ServiceModel | None:
        """Return the pipeline of a handle, the main one where it is empty; None for one that is not ready yet."""
        return next((one for one in self.pipelines if one.handle == handle), None)

    @property
    def waits_without_build(self) -> bool:
        """A state machine waits for runs, not a build."""
        return self.service.wait == "step-functions"

    @property
    def wait_machine(self) -> str:
        return machine_name(self.name)

    @property
    def wait_minutes(self) -> int:
        """How long the pipeline's Wait may take; the state machine answers it before."""
        return self.service.run_timeout_minutes + AFTER_WAIT

    @property
    def train_minutes(self) -> int:
        """How long the build of Train may take: it ends a run in time, or after a wait follows what still goes on."""
        minutes = self.service.run_timeout_minutes + AFTER_RUN
        return min(minutes, LONGEST_BUILD_ACTION) if self.waits_without_build else minutes

    @property
    def runs_in(self) -> str:
        """The stage that runs the SageMaker pipeline and judges the run."""
        return run_stage(self.kind)

    @property
    def projects(self) -> tuple[str, ...]:
        """The builds that run this repository's buildspec, in the order of the pipeline."""
        return (*STAGES[self.kind], *(("worker",) if self.kind == "training" else ()))


def build_model(manifest: Manifest, place: Place) -> tuple[ServiceModel, tuple[Problem, ...]]:
    """Return the model of the service without its roles, and every problem (PB601 to PB615), warnings among them."""
    service = manifest.service
    triggers, trigger_problems = build_triggers(manifest.repos, service, region=place.region)
    schedules, schedule_problems = build_schedules(manifest.schedules, manifest.pipelines)
    relative = any(parse_address(repo.url).relative for repo in manifest.repos)
    source = build_source(service, region=place.region, clone=relative)
    factories = any(manifest.policy.rules(repo.name, {}).factories for repo in manifest.repos)
    model = ServiceModel(
        service=service,
        place=place,
        source=source,
        triggers=triggers,
        schedules=schedules,
        factories=factories,
        trigger=manifest.main.trigger,
    )
    regional = find_regional(manifest, place.region, {"SMP_ROLE": place.role, "SMP_KMSKEY": place.kms_key})
    return model, (*trigger_problems, *schedule_problems, *_problems(model, manifest), *regional)


def build_further(main: ServiceModel, manifest: Manifest, place: Place, used: tuple[str, ...]) -> ServiceModel:
    """Return the model of a pipeline beside the main one, for which the manifest is narrowed; without its roles."""
    entry = manifest.entry
    timings = tuple(timing for timing in main.schedules if timing.handle == entry.name)
    late = late_after(timings, main.service.run_timeout_minutes) if entry.is_inference else None
    return replace(
        main,
        service=main.service.model_copy(update={"name": manifest.service_name}),
        place=place,
        triggers=Triggers(connections=() if entry.is_inference else main.triggers.connections),
        schedules=(),
        handle=entry.name,
        kind=entry.kind,
        owner=main.name,
        used=used,
        trigger=entry.trigger,
        late_after=late,
    )


def build_source(service: ServiceSection, *, region: str, clone: bool) -> Source:
    """Return where AWS finds this repository."""
    section = service.source
    host = section.host
    bucket, _, key = section.repository.partition("/")
    match section.kind:
        case "connection":
            provider, location = find_provider(host) or "", f"https://{host}/{section.repository}.git"
        case "codecommit":
            location = codecommit_url(section.repository, region)
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


_OTHER_MACHINES = re.compile(r"aarch64|lambda|windows|macos")


def _problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    yield from _source_problems(model.source, manifest.at_service("source"))
    yield from name_problems(model, manifest.at_service("name"))
    yield from lasting_problems(model, manifest)
    yield from _tag_problems(model, manifest.at_service("tags"))
    yield from _image_problems(model.service.image, manifest.at_service("image"))
    yield from telling_problems(manifest)
    yield from _time_problems(model, manifest)


def _source_problems(source: Source, where: FilePlace | None) -> Iterator[Problem]:
    if not source.repository:
        message = "'service' has no 'source': AWS must know where this repository is"
        hint = "write 'source: {kind: connection, repository: team/models}' in 'service'"
        yield Problem(id="PB613", message=message, place=where, hint=hint)
        return
    if source.kind == "connection" and not source.connection:
        message = "the source of the service is a connection, and none is named"
        hint = "write its ARN as 'connection' of 'service', or of 'source' in it"
        yield Problem(id="PB605", message=message, place=where, hint=hint)
    elif source.kind == "connection" and not source.provider:
        message = f"which kind of git host '{source.location}' is cannot be told from its name"
        yield Problem(id="PB613", message=message, place=where, hint="expected github or gitlab in the host's name")
    if source.kind == "connection" and is_pattern(source.branch):
        message = f"the branch '{source.branch}' of the source would be read as a pattern by its trigger"
        yield Problem(id="PB604", message=message, place=where, hint="use another branch")
    expected = _SOURCES[source.kind]
    if not expected.pattern.match(source.repository):
        message = f"the source '{source.repository}' is {expected.fault}"
        yield Problem(id="PB613", message=message, place=where, hint=expected.hint)


def _time_problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    asked = model.service.run_timeout_minutes
    if not model.waits_without_build and asked > LONGEST_BUILD_ACTION:
        message = (
            f"'run_timeout_minutes' is {asked}, and the build that waits for the run is ended by CodePipeline after "
            f"{LONGEST_BUILD_ACTION}"
        )
        hint = f"write 'wait: step-functions' for a wait without that limit, or at most {LONGEST_BUILD_ACTION}"
        place = manifest.at_service("run_timeout_minutes")
        fits = asked <= LONGEST_BUILD - AFTER_RUN
        yield Problem(id="PB753", message=message, place=place, hint=hint, warning=fits)


def _image_problems(image: str, where: FilePlace | None) -> Iterator[Problem]:
    """CodeBuild's own images are for one kind of machine each; those of others can't be told by their names."""
    if image.startswith("aws/codebuild/") and (kind := _OTHER_MACHINES.search(image)):
        message = f"the image '{image}' is CodeBuild's for '{kind[0]}', and builds run on Linux of x86-64"
        hint = "expected one such as 'aws/codebuild/amazonlinux-x86_64-standard:5.0' or 'aws/codebuild/standard:7.0'"
        yield Problem(id="PB766", message=message, place=where, hint=hint)


def _tag_problems(model: ServiceModel, where: FilePlace | None) -> Iterator[Problem]:
    tags = model.service.tags
    if len(model.tags) > MOST_TAGS:
        message = f"{len(tags)} tags, and one of the service's own: AWS takes {MOST_TAGS}"
        yield Problem(id="PB615", message=message, place=where, hint="leave some out")
    taken = {OWNER_TAG: "the service's own"}
    for key, value in tags.items():
        if not (_TAG.match(key) and _TAG.match(value)):
            message = f"the tag '{key}' has a character that not every service takes"
            hint = "expected letters, digits, spaces and . : / = + @ - _"
            yield Problem(id="PB615", message=message, place=where, hint=hint)
        if other := taken.get(key.lower()):
            message = f"the tag '{key}' and {other} are one and the same to IAM, which doesn't tell letters' case apart"
            yield Problem(id="PB615", message=message, place=where, hint="leave one out")
        taken.setdefault(key.lower(), f"'{key}'")
