"""Which role a step's job runs as: its repository's, where the service has made one for each."""

from __future__ import annotations

import hashlib

from pipeline_builder.definition.names import ROLE_NAME, shorten

REPOSITORY = "{repository}"
"""Stands in `SMP_JOBROLES` for the repository's name."""
# What the service's own roles are called behind its name; a repository of that name has a hash behind it.
_TAKEN = frozenset(
    ("build", "events", "execution", "pipeline", "promote", "scheduler", "train", "wait", "webhook", "worker")
)  # fmt: skip

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def job_role(pattern: str, repository: str) -> str:
    """Return the ARN of a repository's role: what `SMP_JOBROLES` says, with its name in it.

    Without the word `{repository}` the ARN is everybody's.
    """
    path, _, name = pattern.rpartition("/")
    before, found, after = name.partition(REPOSITORY)
    return f"{path}/{before}{role_part(repository, ROLE_NAME - len(before) - len(after))}{after}" if found else pattern


def made_roles(service: str, *, account: str, region: str) -> str:
    """Return what `SMP_JOBROLES` is where a service has made a role for each repository."""
    return f"arn:{partition_of(region)}:iam::{account}:role/{service}-{REPOSITORY}"


def partition_of(region: str) -> str:
    """Return the partition of a Region, as ARNs in it have it."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def role_name(service: str, repository: str) -> str:
    """Return the name of the role of a repository's jobs in a service: `<service>-<repository>`, as IAM takes it."""
    return f"{service}-{role_part(repository, ROLE_NAME - len(service) - 1)}"


def role_part(repository: str, limit: int) -> str:
    """Return a repository's name as it stands in a role's; two repositories never share one."""
    if repository in _TAKEN:
        return f"{repository}-{hashlib.sha256(repository.encode()).hexdigest()[:8]}"
    return shorten(repository, limit)
