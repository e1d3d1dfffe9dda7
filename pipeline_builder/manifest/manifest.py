"""The manifest, `model_repos.yaml`: which model repositories there are, and at which revision."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal

from pydantic import Field

from pipeline_builder.documents.schema import Section, describe, read_section
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import InputProblems, Place, Problem, hide_lines
from pipeline_builder.manifest.addresses import default_name, parse_address
from pipeline_builder.manifest.credentials import CredentialsSection, credential_problems
from pipeline_builder.manifest.hosts import (
    HostSection,
    host_problems,
    names_credentials,
    variables_of,
)
from pipeline_builder.manifest.local import LocalSection
from pipeline_builder.manifest.pipelines import (
    PipelineEntry,
    find_entry,
    pipeline_problems,
    read_pipelines,
    unknown_pipeline,
)
from pipeline_builder.manifest.policy import Policy, policy_problems, read_policy
from pipeline_builder.manifest.revisions import asked_revision, revision_place, revision_problems
from pipeline_builder.manifest.schedules import Schedule, read_schedules, schedule_problems
from pipeline_builder.manifest.sections import NAME_PATTERN, ManifestSection, RepoSection, RuleSection
from pipeline_builder.manifest.service import ServiceSection, TriggerSection
from pipeline_builder.manifest.surroundings import environment_problems

_IDS = {"unknown": "PB102", "missing": "PB103", "value": "PB104", "later": "PB107"}


class Repo(Section):
    """A model repository. `place` is where its entry stands in the manifest, `connection` is the one that it has.

    `config` are its own paths of the pipeline that the manifest is narrowed to, `configs` those of each.
    """

    name: str
    url: str
    revision: str
    path: str = ""
    config: tuple[str, ...] = ()
    configs: Mapping[str, tuple[str, ...]] = {}
    credentials: CredentialsSection | None = None
    connection: str = ""
    known_hosts: tuple[str, ...] = ()
    submodules: bool = False
    lfs: bool = False
    hosts: Mapping[str, HostSection] = {}
    groups: tuple[str, ...] = ()
    trigger: TriggerSection = TriggerSection.model_construct()
    place: Place
    revision_place: Place
    trigger_place: Place | None = None

    @property
    def full_name(self) -> str:
        """What the repository is called at its host, as its connection has it."""
        return self.trigger.repository or parse_address(self.url).path

    @property
    def by_connection(self) -> bool:
        """Whether builds of the service fetch it through its connection: where that is named, or is its trigger."""
        kind = self.credentials.kind if self.credentials else self.trigger.kind
        return kind == "connection" and bool(self.connection) and parse_address(self.url).scheme in ("https", "ssh")


class Manifest(Section):
    """The enabled repositories in the order of the file, the pipelines, and the settings.

    `narrowed_to` is the handle of the pipeline that it is read for, empty for the main one.
    """

    training_dir: str
    config: str
    repos: tuple[Repo, ...]
    local: LocalSection
    pipelines: tuple[PipelineEntry, ...]
    narrowed_to: str = ""
    schedules: tuple[Schedule, ...] = ()
    service: ServiceSection = ServiceSection.model_construct()
    approval: RuleSection = RuleSection.model_construct()
    service_place: Place | None = None
    has_service: bool = False
    service_places: Mapping[str, Place] = {}
    interrupt_places: Mapping[str, Place] = {}
    policy: Policy = Policy.model_construct()

    def at_service(self, key: str) -> Place | None:
        """Return where a key of `service` stands, or where it would."""
        return self.service_places.get(key, self.service_place)

    @property
    def entry(self) -> PipelineEntry:
        """The pipeline that this manifest is narrowed to, or else the main one."""
        return find_entry(self.narrowed_to, self.pipelines)

    @property
    def main(self) -> PipelineEntry:
        """The main pipeline: the first that trains, or else the first."""
        return self.pipelines[0]

    @property
    def infers(self) -> bool:
        """Whether a pipeline of it uses models, whose scores may ask for them to be trained anew."""
        return any(entry.is_inference for entry in self.pipelines)

    @property
    def service_name(self) -> str:
        """What the names of the pipeline's parts on AWS begin with; the main one's with nothing but the service's."""
        return f"{self.service.name}-{self.narrowed_to}" if self.narrowed_to else self.service.name

    @property
    def service_names(self) -> tuple[str, ...]:
        """The same of all pipelines, which CodePipeline and its artifacts have."""
        return tuple(self.narrowed(entry.name).service_name for entry in self.pipelines)

    def narrowed(self, name: str) -> Manifest:
        """Return the manifest as it is read for the pipeline of that name.

        Raises:
            InputProblems: PB954 for one that isn't there.
        """
        entry = find_entry(name, self.pipelines)
        to = "" if entry == self.main else entry.name
        if to == self.narrowed_to:
            return self
        repos = tuple(repo.model_copy(update={"config": repo.configs.get(entry.name, ())}) for repo in self.repos)
        return self.model_copy(update={"narrowed_to": to, "repos": repos})

    @property
    def four_eyes(self) -> bool:
        """Whether an approver has to be somebody else than the authors."""
        return self.approval.four_eyes or self.service.approval.four_eyes

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that a repository is in, sorted."""
        return tuple(sorted({group for repo in self.repos for group in repo.groups}))


class _LocalFile(Section):
    """A manifest of which only this machine's settings are read."""

    version: Literal[1] = Field(description="version of this format: 1")
    local: LocalSection = Field(LocalSection.model_construct(), description="only for the local target")


def build_local(document: Document) -> LocalSection:
    """Return the settings of the local target that a parsed file has; where it has no repositories, no other is read.

    Raises:
        InputProblems: PB101 to PB107.
    """
    if not isinstance(document.data, dict) or document.data.get("repos"):
        return build_manifest(document).local
    read = {name: value for name, value in document.data.items() if name in _LocalFile.model_fields}
    section, problems = read_section(_LocalFile, read, document, (), _IDS)
    if section is None:
        raise InputProblems(*problems)
    return section.local


def build_manifest(document: Document) -> Manifest:
    """Return the manifest of a parsed file.

    Raises:
        InputProblems: PB101 to PB107, every problem of the file.
    """
    if not isinstance(document.data, dict):
        message = f"the manifest is {describe(document.data)}, expected a mapping with 'version' and 'repos'"
        raise InputProblems(Problem(id="PB101", message=message, place=document.place()))
    section, problems = read_section(ManifestSection, document.data, document, (), _IDS)
    if section is None:
        named = {document.place(path) for path in document.values if names_credentials(path)}
        raise InputProblems(*hide_lines(problems, [found for found in problems if found.place in named]))
    pipelines = read_pipelines(section.pipelines, section.config, document)
    repos = tuple(_repo(section, index, repo, pipelines[0].name, document) for index, repo in enumerate(section.repos))
    found = (
        *revision_problems(document, len(section.repos)),
        *_names_once(repos, document),
        *_something_enabled(section, document),
        *_names(section, document),
        *_credential_problems(section, repos, document),
        *pipeline_problems(pipelines),
        *_config_problems(repos, pipelines, document),
        *schedule_problems(
            section.schedules, {group for repo in section.repos for group in repo.groups}, pipelines, document
        ),
        *policy_problems(section.policy, (repo.name for repo in repos), document),
        *environment_problems(section.service.environment, section.service.codeartifact, document),
    )
    if found:
        raise InputProblems(*hide_lines(found, (problem for problem in found if problem.id == "PB751")))
    enabled = tuple(repo for repo, asked in zip(repos, section.repos, strict=True) if asked.enabled)
    return Manifest(
        training_dir=section.training_dir,
        config=section.config,
        repos=enabled,
        local=section.local,
        pipelines=pipelines,
        schedules=read_schedules(section.schedules, pipelines[0].name, document),
        service=section.service,
        approval=section.approval,
        service_place=document.place(("service",), key=True),
        has_service="service" in section.model_fields_set,
        service_places={key: document.place(("service", key), key=True) for key in section.service.model_fields_set},
        interrupt_places={
            name: document.place(("local", "interrupt", name), key=True) for name in section.local.interrupt
        },
        policy=read_policy(section.policy, variables_of(section.repos, section.defaults.hosts), document),
    )


def _repo(section: ManifestSection, index: int, repo: RepoSection, main: str, document: Document) -> Repo:
    configs = {name or main: globs for name, globs in repo.config.items()}
    return Repo(
        name=repo.name or default_name(repo.url),
        url=repo.url,
        revision=asked_revision((repo.revision, repo.tag), (section.defaults.revision, section.defaults.tag)),
        path=repo.path if repo.path != "." else "",
        config=configs.get(main, ()),
        configs=configs,
        credentials=repo.credentials,
        connection=_connection_of(section, repo),
        known_hosts=_known_hosts_of(section, repo),
        submodules=section.defaults.submodules if repo.submodules is None else repo.submodules,
        lfs=section.defaults.lfs if repo.lfs is None else repo.lfs,
        hosts=section.defaults.hosts if repo.hosts is None else repo.hosts,
        groups=repo.groups,
        trigger=repo.trigger or section.defaults.trigger,
        place=document.place(("repos", index, "url")),
        revision_place=revision_place(document, index),
        trigger_place=_place_of(document, index, "trigger"),
    )


def _connection_of(section: ManifestSection, repo: RepoSection) -> str:
    """Return the connection that a repository's credentials name, or else that of its trigger or of the service."""
    named = repo.credentials.name if repo.credentials and repo.credentials.kind == "connection" else ""
    trigger = repo.trigger or section.defaults.trigger
    return named or trigger.connection or section.service.connection or ""


def _known_hosts_of(section: ManifestSection, repo: RepoSection) -> tuple[str, ...]:
    """Return the repository's own known hosts; those of the defaults are for what is reached by ssh only."""
    if repo.known_hosts is not None:
        return repo.known_hosts
    return section.defaults.known_hosts if parse_address(repo.url).scheme == "ssh" else ()


def _place_of(document: Document, index: int, key: str) -> Place:
    """Return where a repository's setting stands: in its entry, in the defaults, or nowhere, which is its url."""
    paths: tuple[DataPath, ...] = (("repos", index, key), ("defaults", key))
    return document.place(next((path for path in paths if path in document.values), ("repos", index, "url")))


def _names_once(repos: tuple[Repo, ...], document: Document) -> tuple[Problem, ...]:
    first: dict[str, int] = {}
    problems = []
    for index, repo in enumerate(repos):
        if repo.name in first:
            problems.append(
                Problem(
                    id="PB105",
                    message=f"two repositories have the name '{repo.name}', which is their folder",
                    place=_name_place(document, index),
                    related=(_name_place(document, first[repo.name]),),
                    hint="give one of them another 'name'",
                )
            )
        first.setdefault(repo.name, index)
    return tuple(problems)


def _name_place(document: Document, index: int) -> Place:
    path = ("repos", index, "name")
    return document.place(path if path in document.values else ("repos", index, "url"))


def _names(section: ManifestSection, document: Document) -> tuple[Problem, ...]:
    """A name that comes from the url must hold as well; `.` and the like have none."""
    problems = []
    for index, repo in enumerate(section.repos):
        if repo.name is None and not re.match(NAME_PATTERN, default_name(repo.url)):
            message = f"no folder name can be taken from the url {describe(repo.url)}"
            place = document.place(("repos", index, "url"))
            problems.append(Problem(id="PB104", message=message, place=place, hint="add 'name: …'"))
    return tuple(problems)


def _something_enabled(section: ManifestSection, document: Document) -> tuple[Problem, ...]:
    if any(repo.enabled for repo in section.repos):
        return ()
    message = "no repository is enabled, so there is nothing to build"
    return (Problem(id="PB106", message=message, place=document.place(("repos",), key=True)),)


def _credential_problems(section: ManifestSection, repos: tuple[Repo, ...], document: Document) -> Iterator[Problem]:
    for index, (asked, repo) in enumerate(zip(section.repos, repos, strict=True)):
        yield from credential_problems(
            repo.url,
            repo.credentials,
            connection=repo.connection,
            full_name=repo.full_name if repo.by_connection or repo.trigger.kind == "connection" else None,
            has_known_hosts=bool(asked.known_hosts),
            at=partial(_place_of, document, index),
        )
        yield from host_problems(
            repo.hosts,
            asked=repo.submodules
            or repo.lfs
            or asked.hosts is None,  # those of the defaults are for whoever wants them
            connection=section.service.connection or "",
            at=partial(_place_of, document, index),
        )


def _config_problems(
    repos: tuple[Repo, ...], pipelines: tuple[PipelineEntry, ...], document: Document
) -> Iterator[Problem]:
    names = {entry.name for entry in pipelines}
    for index, repo in enumerate(repos):
        for name in repo.configs:
            if name not in names:
                place = document.place(("repos", index, "config", name), key=True)
                yield unknown_pipeline(name, pipelines, place, f"'config' of the repository '{repo.name}' names")
