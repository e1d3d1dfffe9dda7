"""Hosts: from where, beside its own host, a repository's submodules and LFS objects may come, and what opens them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Protocol

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.credentials import Credentials, CredentialsSection
from pipeline_builder.manifest.known_hosts import check_known_hosts
from pipeline_builder.manifest.texts import as_tuple

_HOST = re.compile(
    r"(?=.{1,253}(?::|$))[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?"
)
_LAST_PORT = 65535

KnownHosts = Annotated[
    tuple[str, ...],
    BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...]),
    AfterValidator(check_known_hosts),
]
SUBMODULES = "true brings the repository's submodules too, and theirs"
LFS = "true brings the files that are in Git LFS, instead of pointers to them"
HOSTS = "other hosts that submodules and LFS objects may come from, each with what opens it there"


class HostSection(Section):
    """What opens one other host; nothing of it goes anywhere else."""

    credentials: Credentials | None = Field(None, description="as those of a repository; default: none")
    known_hosts: KnownHosts = Field((), description="ssh: keys that the host may have, as those of a repository")


def _host(value: str) -> str:
    found = value.lower()
    if not _HOST.fullmatch(found) or int(found.partition(":")[2] or 0) > _LAST_PORT:
        raise ValueError(f"the host {describe(value)} is none, expected a name such as git.example.com, or NAME:PORT")
    return found


def _each_once(value: object) -> object:
    """A host in capitals and the same in small letters can't be opened in two ways."""
    names = [str(name).lower() for name in value] if isinstance(value, Mapping) else []
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"the host {describe(twice)} is named twice, expected once")
    return value


def _empty_as_section(value: object) -> object:
    """Read a host without anything behind it: 'github.com:' is one that is open to all."""
    return {} if value is None else value


Hosts = Annotated[
    dict[
        Annotated[str, AfterValidator(_host)],
        Annotated[HostSection, BeforeValidator(_empty_as_section, json_schema_input_type=HostSection | None)],
    ],
    BeforeValidator(_each_once),
    Field(),
]


def host_problems(
    hosts: Mapping[str, HostSection], *, asked: bool, connection: str, at: Callable[[str], Place]
) -> Iterator[Problem]:
    """Yield what doesn't fit together: PB820 for hosts of nothing, PB122 for a connection that nobody names."""
    if hosts and not asked:
        message = "'hosts' are of submodules and LFS objects, and neither 'submodules' nor 'lfs' is true"
        yield Problem(id="PB820", message=message, place=at("hosts"), hint="say which is meant, or leave 'hosts' out")
    for host, section in hosts.items():
        named = section.credentials
        if named and named.kind == "connection" and not (named.name or connection):
            text = f"the credentials of the host '{host}' are a connection, and none is named"
            hint = "write 'credentials: connection:ARN', or the ARN as 'connection' of 'service'"
            yield Problem(id="PB122", message=text, place=at("hosts"), hint=hint)


def names_credentials(path: DataPath) -> bool:
    """Tell whether something in a manifest names what opens a repository or a host: it may be the secret itself."""
    of_repo = path[:1] == ("repos",) and path[2:3] == ("credentials",)
    of_host = (path[:1], path[2:3]) == (("repos",), ("hosts",)) or path[:2] == ("defaults", "hosts")
    return of_repo or (of_host and "credentials" in path)


class _Opened(Protocol):
    @property
    def credentials(self) -> CredentialsSection | None: ...

    @property
    def hosts(self) -> Mapping[str, HostSection] | None: ...


def variables_of(repos: Sequence[_Opened], defaults: Mapping[str, HostSection]) -> Iterator[str]:
    """Yield the variables that have what opens repositories, and hosts of their submodules."""
    hosts = [section for repo in repos for section in (repo.hosts or {}).values()]
    named = [repo.credentials for repo in repos]
    named += [section.credentials for section in (*hosts, *defaults.values())]
    return (found.variable for found in named if found)
