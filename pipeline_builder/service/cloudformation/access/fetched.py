"""What fetching the model repositories uses: secrets, connections, CodeCommit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline_builder.manifest.addresses import parse_codecommit
from pipeline_builder.manifest.manifest import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What fetching repositories uses: ids or ARNs of secrets, the repositories of each connection by its ARN, and
    Regions ('' for the stack's) and names of repositories of CodeCommit.
    """

    secrets: tuple[str, ...] = ()
    connections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codecommit: tuple[tuple[str, str], ...] = ()


def fetched(repos: Iterable[Repo]) -> Fetched:
    """Return what builds use to fetch these repositories, by the rules of `checkout/keys.py`."""
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
    return Fetched(
        secrets=tuple(sorted(secrets)),
        connections={connection: tuple(sorted(names)) for connection, names in sorted(connections.items())},
        codecommit=tuple(sorted(pulls)),
    )
