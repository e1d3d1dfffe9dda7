"""Secrets of a job on this machine: the engine reads them, and hands them to the process and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_builder.engine.jobs.container import Request
    from pipeline_builder.target import SecretGiver

_PREFIX = "SMP_SECRET_"


def secrets_of(request: Request, give: SecretGiver) -> dict[str, str]:
    """Return the variables with the secrets that a request names; one that it sets itself stays."""
    before = request.get("Environment") or {}
    named = {str(key).removeprefix(_PREFIX): str(value) for key, value in before.items() if key.startswith(_PREFIX)}
    return {name: give(name, secret) for name, secret in named.items() if name not in before}
