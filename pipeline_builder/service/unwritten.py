"""What a service gets that its manifest doesn't say: a new one what is better, a deployed one keeps what it has."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_builder.definition.roles import REPOSITORY
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.deploy import StackService


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A key of `service`: what a new service gets, what one of before has, and what in a template tells the two."""

    key: str
    new: str
    old: str
    mark: str
    problem: str
    rendered: str

    def mark_of(self, service: str) -> str:
        return self.mark.replace("<service>", service)


CHOICES = (
    _Choice(
        key="execution_role",
        new="per-repository",
        old="make",
        mark=f"role/<service>-{REPOSITORY}",
        problem="PB647",
        rendered="one role for all repositories is rendered",
    ),
    _Choice(
        key="wait",
        new="step-functions",
        old="build",
        mark="AWS::StepFunctions::StateMachine",
        problem="PB744",
        rendered="a build that waits for runs is rendered",
    ),
)


def is_written(manifest: Manifest) -> bool:
    """Tell whether the manifest says all of it."""
    return not _unwritten(manifest)


def describe_decided(manifest: Manifest, decided: Manifest) -> tuple[str, ...]:
    """Say what was decided that the manifest doesn't say."""
    words = ((one.key, getattr(decided.service, one.key)) for one in _unwritten(manifest))
    return tuple(f"'{key}' isn't written in 'service': it is '{value}'" for key, value in words)


def decide(manifest: Manifest, stacks: StackService) -> Manifest:
    """Return the manifest with what its service has: a deployed one keeps that until somebody writes otherwise."""
    stack = stacks.describe(manifest.service.name)
    deployed = stacks.template(stack) if stack and stack.status != "ROLLBACK_COMPLETE" else ""
    chosen = {
        one.key: one.new if not deployed or one.mark_of(manifest.service.name) in deployed else one.old
        for one in _unwritten(manifest)
    }
    return manifest.model_copy(update={"service": manifest.service.model_copy(update=chosen)})


def not_written(manifest: Manifest) -> tuple[Problem, ...]:
    """Return what is said where nobody can be asked what is deployed."""
    return tuple(
        Problem(
            id=one.problem,
            message=f"'{one.key}' isn't written, so {one.rendered}, as services of before have it",
            place=manifest.service_place,
            hint=f"write '{one.key}: {one.new}', which a new service gets, or '{one.old}', in 'service'",
            warning=True,
        )
        for one in _unwritten(manifest)
    )


def _unwritten(manifest: Manifest) -> tuple[_Choice, ...]:
    return tuple(one for one in CHOICES if one.key not in manifest.service.model_fields_set)
