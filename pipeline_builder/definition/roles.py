"""Which role a step's job runs as: its repository's, where the service has made one for each."""

from __future__ import annotations

import hashlib

from pipeline_builder.definition.names import ROLE_NAME, shorten
from pipeline_builder.documents.values import Settings
from pipeline_builder.regions.partitions import partition_of

REPOSITORY = "{repository}"
"""Stands in `SMP_JOBROLES` for the repository's name."""
# What the service's own roles are called behind its name; a repository of that name has a hash behind it.
_TAKEN = frozenset(
    ("build", "chat", "events", "execution", "pipeline", "promote", "scheduler", "train", "wait", "webhook", "worker")
)  # fmt: skip


def job_role(pattern: str, repository: str) -> str:
    """Return the ARN of a repository's role: what `SMP_JOBROLES` says, with its name in it.

    Without the word `{repository}` the ARN is everybody's.
    """
    path, _, name = pattern.rpartition("/")
    before, found, after = name.partition(REPOSITORY)
    return f"{path}/{before}{role_part(repository, ROLE_NAME - len(before) - len(after))}{after}" if found else pattern


def role_of(settings: Settings, repository: str) -> str:
    """Return the role that a repository's jobs run as."""
    return job_role(settings.job_roles, repository) if settings.job_roles else settings.role


def made_roles(service: str, *, account: str, region: str) -> str:
    """Return what `SMP_JOBROLES` is where a service has made a role for each repository."""
    return f"arn:{partition_of(region).name}:iam::{account}:role/{service}-{REPOSITORY}"


def role_name(service: str, repository: str) -> str:
    """Return the name of the role of a repository's jobs in a service: `<service>-<repository>`, as IAM takes it."""
    return f"{service}-{role_part(repository, ROLE_NAME - len(service) - 1)}"


def role_part(repository: str, limit: int) -> str:
    """Return a repository's name as it stands in a role's; two repositories never share one."""
    if repository in _TAKEN:
        return f"{repository}-{hashlib.sha256(repository.encode()).hexdigest()[:8]}"
    return shorten(repository, limit)
