"""Secrets of a job on this machine: the engine reads them, and hands them to the process and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import SecretGiver

if TYPE_CHECKING:
    from pipeline_builder.engine.jobs.container import Request

_PREFIX = "SMP_SECRET_"


def no_secrets(name: str, secret: str) -> str:
    """Refuse every secret: whoever starts jobs over the API of this machine is nobody that is known."""
    message = f"the job asks for the secret '{secret}' as '{name}', and jobs that are started here get none"
    hint = "run it by 'pipeline-builder run', with the manifest whose policy lists the secret"
    raise InputProblems(Problem(id="PB543", message=message, hint=hint))


def secrets_of(request: Request, give: SecretGiver) -> dict[str, str]:
    """Return the variables with the secrets that a request names; one that it sets itself stays."""
    before = request.get("Environment") or {}
    named = {str(key).removeprefix(_PREFIX): str(value) for key, value in before.items() if key.startswith(_PREFIX)}
    return {name: give(name, secret) for name, secret in named.items() if name not in before}
