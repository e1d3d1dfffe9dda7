"""Access to fetch the model repositories: exactly their secrets, their connections, and CodeCommit."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.service.cloudformation.access import calls
from pipeline_builder.service.cloudformation.access.fetched import Fetched
from pipeline_builder.service.cloudformation.access.statements import REGION, Conditions, Statement, arn, literal


def fetch(used: Fetched) -> Iterator[Statement]:
    """Yield what fetching takes: reading exactly these secrets and repositories."""
    yield from calls.secrets(used.secrets)
    for number, (connection, repositories) in enumerate(used.connections.items(), 1):
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
