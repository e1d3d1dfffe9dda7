"""The manifest, `model_repos.yaml`: which model repositories there are, and at which revision."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe, did_you_mean, read_section
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import InputProblems, Place, Problem, hide_lines
from pipeline_builder.manifest.addresses import check_url, default_name, parse_address
from pipeline_builder.manifest.credentials import Credentials, CredentialsSection, credential_problems
from pipeline_builder.manifest.hosts import (
    HOSTS,
    LFS,
    SUBMODULES,
    Hosts,
    HostSection,
    KnownHosts,
    host_problems,
    names_credentials,
    variables_of,
)
from pipeline_builder.manifest.local import LocalSection
from pipeline_builder.manifest.paths import RelativePath
from pipeline_builder.manifest.policy import Policy, PolicySection, policy_problems, read_policy
from pipeline_builder.manifest.revisions import TAG, Revision, Tag, asked_revision, revision_place, revision_problems
from pipeline_builder.manifest.service import Groups, ScheduleSection, ServiceSection, Trigger, TriggerSection
from pipeline_builder.manifest.surroundings import environment_problems
from pipeline_builder.manifest.texts import as_tuple

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_IDS = {"unknown": "PB102", "missing": "PB103", "value": "PB104", "later": "PB107"}


def _name(value: str) -> str:
    if ".." in value or not re.match(NAME_PATTERN, value):
        raise ValueError(
            f"the name {describe(value)} cannot be used: a name is the repository's folder and has lower-case letters, "
            "digits, '.', '_' and '-', at most 64, the first a letter or digit, no '..'"
        )
    return value


def _not_empty(value: JSON) -> JSON:
    if value == []:
        raise ValueError("'repos' is empty, so there is nothing to build")
    return value


Name = Annotated[str, AfterValidator(_name)]
Url = Annotated[str, Field(min_length=1), AfterValidator(check_url)]
Globs = Annotated[tuple[RelativePath, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...])]
_KNOWN_HOSTS = "ssh: keys that the host may have, as lines of a file of known hosts, or the path of such a file"


class RepoSection(Section):
    """One entry of `repos` as it is written."""

    url: Url = Field(description="https, ssh, codecommit, file, or a path relative to the manifest")
    name: Name | None = Field(None, description="folder under the training directory; default: last part of the url")
    revision: Revision | None = Field(None, description="branch, tag or full commit id")
    tag: Tag | None = Field(None, description=TAG)
    path: RelativePath = Field("", description="only this folder of the repository")
    config: Globs = Field((), description="this repository's own configuration path(s)")
    enabled: bool = Field(True, description="false leaves the repository out")
    credentials: Credentials | None = Field(
        None,
        description="env:NAME or secretsmanager:ID of a token, for ssh of a private key; connection, codecommit, "
        "ssh:PATH, or a GitHub App",
    )
    known_hosts: KnownHosts | None = Field(None, description=_KNOWN_HOSTS)
    submodules: bool | None = Field(None, description=f"{SUBMODULES}; default: false")
    lfs: bool | None = Field(None, description=f"{LFS}; default: false")
    hosts: Hosts | None = Field(None, description=HOSTS)
    groups: Groups = Field((), description="groups that schedules and 'run --group' name")
    trigger: Trigger | None = Field(None, description="what starts the service when this repository changes")


class DefaultsSection(Section):
    """What a repository that doesn't say it gets."""

    revision: Revision | None = Field(None, description="branch, tag or full commit id; where nothing says it 'main'")
    tag: Tag | None = Field(None, description=TAG)
    trigger: Trigger = Field(
        TriggerSection.model_construct(), description="what starts the service when a repository changes"
    )
    known_hosts: KnownHosts = Field((), description=_KNOWN_HOSTS)
    submodules: bool = Field(False, description=SUBMODULES)
    lfs: bool = Field(False, description=LFS)
    hosts: Hosts = Field({}, description=HOSTS)


class RuleSection(Section):
    """What holds for every approval, on each target."""

    four_eyes: bool = Field(
        False, description="who has written a commit since the champion can't be the one who approves"
    )


class ManifestSection(Section):
    """The whole file."""

    version: Literal[1] = Field(description="version of this format: 1")
    training_dir: RelativePath = Field("aws-train", description="where the repositories are checked out")
    config: RelativePath = Field("*/conf/conf.yaml", description="glob of configuration files under training_dir")
    defaults: DefaultsSection = Field(
        DefaultsSection.model_construct(), description="what repositories that don't say it get"
    )
    repos: Annotated[tuple[RepoSection, ...], BeforeValidator(_not_empty)] = Field(description="the repositories")
    schedules: tuple[ScheduleSection, ...] = Field((), description="when models are trained anew")
    service: ServiceSection = Field(ServiceSection.model_construct(), description="the service on AWS")
    approval: RuleSection = Field(
        RuleSection.model_construct(), description="what holds for every approval, on each target"
    )
    local: LocalSection = Field(LocalSection.model_construct(), description="only for the local target")
    policy: PolicySection = Field(PolicySection.model_construct(), description="what confs may ask for")


class Repo(Section):
    """A model repository. `place` is where its entry stands in the manifest, `connection` is the one that it has."""

    name: str
    url: str
    revision: str
    path: str = ""
    config: tuple[str, ...] = ()
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


class Schedule(Section):
    """An entry of `schedules`, and where it stands in the manifest; `places` of its keys, by key."""

    section: ScheduleSection
    place: Place
    places: Mapping[str, Place] = {}

    def at(self, key: str) -> Place:
        """Return where a key of it stands, or would."""
        return self.places.get(key, self.place)


class Manifest(Section):
    """The enabled repositories in the order of the file, and the settings."""

    training_dir: str
    config: str
    repos: tuple[Repo, ...]
    local: LocalSection
    schedules: tuple[Schedule, ...] = ()
    service: ServiceSection = ServiceSection.model_construct()
    approval: RuleSection = RuleSection.model_construct()
    service_place: Place | None = None
    service_places: Mapping[str, Place] = {}
    interrupt_places: Mapping[str, Place] = {}
    policy: Policy = Policy.model_construct()

    def at_service(self, key: str) -> Place | None:
        """Return where a key of `service` stands, or where it would."""
        return self.service_places.get(key, self.service_place)

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
    repos = tuple(_repo(section, index, repo, document) for index, repo in enumerate(section.repos))
    found = (
        *revision_problems(document, len(section.repos)),
        *_names_once(repos, document),
        *_something_enabled(section, document),
        *_names(section, document),
        *_credential_problems(section, repos, document),
        *_schedule_problems(section, document),
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
        schedules=tuple(_schedule(schedule, index, document) for index, schedule in enumerate(section.schedules)),
        service=section.service,
        approval=section.approval,
        service_place=document.place(("service",), key=True),
        service_places={key: document.place(("service", key), key=True) for key in section.service.model_fields_set},
        interrupt_places={
            name: document.place(("local", "interrupt", name), key=True) for name in section.local.interrupt
        },
        policy=read_policy(section.policy, variables_of(section.repos, section.defaults.hosts), document),
    )


def _repo(section: ManifestSection, index: int, repo: RepoSection, document: Document) -> Repo:
    return Repo(
        name=repo.name or default_name(repo.url),
        url=repo.url,
        revision=asked_revision((repo.revision, repo.tag), (section.defaults.revision, section.defaults.tag)),
        path=repo.path if repo.path != "." else "",
        config=repo.config,
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


def _schedule(schedule: ScheduleSection, index: int, document: Document) -> Schedule:
    path = ("schedules", index)
    places = {key: document.place((*path, key)) for key in schedule.model_fields_set}
    return Schedule(section=schedule, place=document.place(path), places=places)


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


def _schedule_problems(section: ManifestSection, document: Document) -> Iterator[Problem]:
    groups = {group for repo in section.repos for group in repo.groups}
    first: dict[str, int] = {}
    for index, schedule in enumerate(section.schedules):
        place = document.place(("schedules", index))
        if bool(schedule.cron) == bool(schedule.rate):
            message = f"the schedule '{schedule.name}' needs exactly one of 'cron' and 'rate'"
            yield Problem(id="PB112", message=message, place=place)
        for group in schedule.groups:
            if group not in groups:
                message = f"the schedule '{schedule.name}' names the group '{group}', which no repository is in"
                place = document.place(("schedules", index, "groups"))
                yield Problem(id="PB113", message=message, place=place, hint=did_you_mean(group, groups))
        if schedule.name in first:
            message = f"two schedules have the name '{schedule.name}'"
            related = (document.place(("schedules", first[schedule.name], "name")),)
            place = document.place(("schedules", index, "name"))
            yield Problem(id="PB112", message=message, place=place, related=related, hint="give one another name")
        first.setdefault(schedule.name, index)
