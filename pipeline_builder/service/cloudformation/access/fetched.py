"""What fetching the model repositories uses: secrets, connections, CodeCommit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline_builder.manifest.addresses import parse_codecommit
from pipeline_builder.manifest.manifest import Repo


def secrets_of_hosts(repo: Repo) -> set[str]:
    """Return the secrets that open the hosts of a repository's submodules and of its files in Git LFS."""
    sections = repo.hosts.values() if repo.submodules or repo.lfs else ()
    return {one.credentials.secret for one in sections if one.credentials} - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What fetching repositories uses: ids or ARNs of secrets, the repositories of each connection by its ARN, and
    Regions ('' for the stack's) and names of repositories of CodeCommit.
    """

    secrets: tuple[str, ...] = ()
    connections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codecommit: tuple[tuple[str, str], ...] = ()


def fetched(repos: Iterable[Repo], *, whole: bool = True) -> Fetched:
    """Return what builds use to fetch these repositories, by the rules of `checkout/keys.py`.

    `whole` is with what opens the hosts of their submodules and of their files in Git LFS, as far as they are asked
    for; who only looks at heads needs none of it.
    """
    secrets, pulls = set(), set()
    connections: dict[str, set[str]] = {}
    for repo in repos:
        kind = repo.credentials.kind if repo.credentials else None
        if repo.credentials and repo.credentials.secret:
            secrets.add(repo.credentials.secret)
        if (found := parse_codecommit(repo.url)) and kind in (None, "codecommit"):
            pulls.add((found.region, found.name))
        elif repo.by_connection:
            connections.setdefault(repo.connection, set()).add(repo.full_name)
        secrets |= secrets_of_hosts(repo) if whole else set()
    return Fetched(
        secrets=tuple(sorted(secrets)),
        connections={connection: tuple(sorted(names)) for connection, names in sorted(connections.items())},
        codecommit=tuple(sorted(pulls)),
    )
