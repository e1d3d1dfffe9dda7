"""Access to fetch the model repositories: exactly their secrets, their connections, and CodeCommit."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.service.cloudformation.access import calls
from pipeline_builder.service.cloudformation.access.fetched import Fetched
from pipeline_builder.service.cloudformation.access.statements import REGION, Conditions, Statement, arn, literal

# Conditions are whole in each policy: so many names of the longest kind have room in one.
_MOST_NAMES = 30


def fetch(used: Fetched) -> Iterator[Statement]:
    """Yield what fetching takes: reading exactly these secrets and repositories."""
    yield from calls.secrets(used.secrets)
    for number, (connection, repositories) in enumerate(_parts(used), 1):
        service = connection.split(":")[2]
        conditions: Conditions = {
            "StringEquals": {
                f"{service}:FullRepositoryId": tuple(literal(name) for name in repositories),
                f"{service}:ProviderPermissionsRequired": "read_only",
            }
        }
        yield Statement(
            sid=f"Fetch{number}",
            actions=(f"{service}:UseConnection",),
            resources=(connection,),
            conditions=conditions,
            why="git reads these model repositories through the connection, and no others",
        )
    if used.codecommit:
        resources = tuple(arn("codecommit", literal(name), region=region or REGION) for region, name in used.codecommit)
        yield Statement(
            sid="Pull",
            actions=("codecommit:GitPull",),
            resources=resources,
            why="git reads these model repositories with signed requests",
        )


def _parts(used: Fetched) -> Iterator[tuple[str, tuple[str, ...]]]:
    for connection, names in used.connections.items():
        for first in range(0, len(names), _MOST_NAMES):
            yield connection, names[first : first + _MOST_NAMES]
