"""Which roles a service's jobs get where its manifest doesn't say: a new service each repository its own."""

from __future__ import annotations

from pipeline_builder.definition.roles import REPOSITORY
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.deploy import StackService


def is_written(manifest: Manifest) -> bool:
    """Tell whether the manifest says it."""
    return "execution_role" in manifest.service.model_fields_set


def decide(manifest: Manifest, stacks: StackService) -> Manifest:
    """Return the manifest with what its service has: a deployed one keeps that until somebody writes otherwise."""
    stack = stacks.describe(manifest.service.name)
    deployed = stacks.template(stack) if stack and stack.status != "ROLLBACK_COMPLETE" else ""
    own = f"role/{manifest.service.name}-{REPOSITORY}"
    chosen = "per-repository" if not deployed or own in deployed else "make"
    service = manifest.service.model_copy(update={"execution_role": chosen})
    return manifest.model_copy(update={"service": service})


def not_written(manifest: Manifest) -> Problem:
    """Return what is said where nobody can be asked what is deployed."""
    message = (
        "'execution_role' isn't written, so one role for all repositories is rendered, as services of before have it"
    )
    hint = "write 'execution_role: per-repository', which a new service gets, or 'make', in 'service'"
    return Problem(id="PB647", message=message, place=manifest.service_place, hint=hint, warning=True)
