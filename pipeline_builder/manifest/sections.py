"""The manifest's sections as they are written: repositories, what is theirs by default, and the whole file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.manifest.addresses import check_url
from pipeline_builder.manifest.credentials import Credentials
from pipeline_builder.manifest.hosts import HOSTS, LFS, SUBMODULES, Hosts, KnownHosts
from pipeline_builder.manifest.local import LocalSection
from pipeline_builder.manifest.paths import Glob, RelativePath
from pipeline_builder.manifest.pipelines import OwnConfig, Pipelines
from pipeline_builder.manifest.policy import PolicySection
from pipeline_builder.manifest.revisions import TAG, Revision, Tag
from pipeline_builder.manifest.service import Groups, ScheduleSection, ServiceSection, Trigger, TriggerSection

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"


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
_KNOWN_HOSTS = "ssh: keys that the host may have, as lines of a file of known hosts, or the path of such a file"


class RepoSection(Section):
    """One entry of `repos` as it is written."""

    url: Url = Field(description="https, ssh, codecommit, file, or a path relative to the manifest")
    name: Name | None = Field(None, description="folder under the training directory; default: last part of the url")
    revision: Revision | None = Field(None, description="branch, tag or full commit id")
    tag: Tag | None = Field(None, description=TAG)
    path: RelativePath = Field("", description="only this folder of the repository")
    config: OwnConfig = Field(
        {}, description="this repository's own configuration path(s); of several pipelines a mapping from their names"
    )
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
    config: Glob = Field("*/conf/conf.yaml", description="glob of configuration files under training_dir")
    defaults: DefaultsSection = Field(
        DefaultsSection.model_construct(), description="what repositories that don't say it get"
    )
    repos: Annotated[tuple[RepoSection, ...], BeforeValidator(_not_empty)] = Field(description="the repositories")
    pipelines: Pipelines = Field((), description="the pipelines; without it there is one, for training")
    schedules: tuple[ScheduleSection, ...] = Field((), description="when pipelines run besides pushes")
    service: ServiceSection = Field(ServiceSection.model_construct(), description="the service on AWS")
    approval: RuleSection = Field(
        RuleSection.model_construct(), description="what holds for every approval, on each target"
    )
    local: LocalSection = Field(LocalSection.model_construct(), description="only for the local target")
    policy: PolicySection = Field(PolicySection.model_construct(), description="what confs may ask for")
