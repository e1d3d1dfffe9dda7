"""What decides about access: the facts of the service around a definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.made import MadeFunction
from pipeline_builder.definition.roles import role_name
from pipeline_builder.documents.values import Settings
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.service import ServiceSection
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.fetched import Fetched, fetched
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts, definition_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that decides about access.

    `fetched` is what the builds use to fetch the model repositories, `polled` what looking at those takes that are
    polled; `connections` are those of source actions, `webhooks` those of projects with webhooks; `has_looks` says that
    a function looks at polled repositories first, `clones` that builds clone the manifest's repository themselves.
    `role` is the role of the pipeline, `statuses` has by repository the approval that its packages may begin with,
    `functions` are those that the service makes for handlers, in the network of jobs (`subnets`, `security_groups`),
    `has_queues` says that it makes queues; `artifacts` is the artifact bucket, `bucket` that for data where it is
    another, `key` that of jobs.

    `further` are the service's other pipelines, each with the name that stands before its parts' and its `handle`, and
    the service's name as `owner`; `beside` are the names of all of them, `scheduled` are the CodePipelines that
    schedules start. Of those that use models `used` are the groups, `trained` the definitions that register in them,
    `published` where predictions are put.
    `landing` are the addresses whose new data starts it, `gathers` says that something starts a pipeline in batches,
    `is_gathered` that it is this one, `retrains` that scores may start it.
    """

    service: ServiceSection
    definition: DefinitionFacts
    kind: str = "training"
    handle: str = ""
    owner: str = ""
    beside: tuple[str, ...] = ()
    scheduled: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    trained: tuple[DefinitionFacts, ...] = ()
    published: tuple[Location, ...] = ()
    further: tuple[Facts, ...] = ()
    landing: tuple[str, ...] = ()
    gathers: bool = False
    is_gathered: bool = False
    retrains: bool = False
    fetched: Fetched = field(default_factory=Fetched)
    polled: Fetched = field(default_factory=Fetched)
    connections: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    has_webhooks: bool = False
    has_events: bool = False
    has_polls: bool = False
    has_looks: bool = False
    has_schedules: bool = False
    clones: bool = False
    role: str = ""
    statuses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[MadeFunction, ...] = ()
    has_queues: bool = False
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    artifacts: str = ""
    bucket: str = ""
    key: str = ""

    @property
    def waits_without_build(self) -> bool:
        """A state machine waits for runs."""
        return self.service.wait == "step-functions"

    @property
    def caches(self) -> str:
        """What the names of its builds' caches begin with."""
        return f"{self.handle}/" if self.handle else ""

    @property
    def prefix(self) -> str:
        """What the keys of everything of the service begin with."""
        return self.definition.prefix

    @property
    def job_roles(self) -> Mapping[str, str]:
        """The ARN of the role of each repository's jobs as the definition has it; none where they have none."""
        if self.service.execution_role != "per-repository":
            return {}
        base = self.role.rpartition("/")[0]
        return {repo: f"{base}/{role_name(self.service.name, repo)}" for repo in self.definition.by_repository}

    def statuses_of(self, repository: str) -> tuple[str, ...]:
        """Return the approval that a repository's packages may begin with."""
        return self.statuses.get(repository, Rules(repo=repository).statuses)


def service_facts(
    manifest: Manifest,
    definition: Definition,
    settings: Settings,
    *,
    connections: Iterable[str] = (),
    webhooks: Iterable[str] | None = None,
    has_events: bool = False,
    has_polls: bool = False,
    has_looks: bool = False,
    clones: bool = False,
) -> Facts:
    """Return the facts of a service.

    `connections` are those of source actions, `webhooks` the connections of projects with webhooks ('' for a project
    without one), None where there is no such project; the others say what the triggers are.

    Raises:
        InputProblems: PB641 for names that no policy can have in it.
    """
    service = manifest.service.model_copy(update={"name": manifest.service_name})
    artifacts = f"{manifest.service.name}-{settings.account}-{settings.region}"
    hooks = tuple(webhooks) if webhooks is not None else None
    return Facts(
        service=service,
        kind=manifest.entry.kind,
        handle=manifest.narrowed_to,
        owner=manifest.service.name,
        beside=manifest.service_names,
        landing=manifest.entry.trigger.data,
        definition=definition_facts(
            definition.pipeline,
            definition.content,
            bucket=settings.bucket,
            prefix=settings.prefix,
            manifests=definition.manifests,
            data=(uri for uris in definition.data.values() for uri in uris),
            awaited=definition.labels.values(),
            repositories=definition.repositories,
        ),
        fetched=fetched(manifest.repos),
        polled=fetched((repo for repo in manifest.repos if repo.trigger.kind == "poll"), whole=False),
        connections=tuple(sorted({text for text in connections if text})),
        webhooks=tuple(sorted({text for text in hooks or () if text})),
        has_webhooks=hooks is not None,
        has_events=has_events,
        has_polls=has_polls,
        has_looks=has_looks,
        has_schedules=bool(manifest.schedules),
        clones=clones,
        role=settings.role,
        statuses={repo.name: manifest.policy.rules(repo.name, {}).statuses for repo in manifest.repos},
        functions=definition.made.functions,
        has_queues=bool(definition.made.queues),
        subnets=settings.subnets,
        security_groups=settings.security_groups,
        artifacts=artifacts,
        bucket="" if settings.bucket == artifacts else settings.bucket,
        key=settings.kms_key,
    )
