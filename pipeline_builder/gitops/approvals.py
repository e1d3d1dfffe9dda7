"""Approvals: another champion of a group that an inference pipeline uses."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.gitops.due import Changed, Due, Known
from pipeline_builder.target import ModelRegistry


def champions_of(known: Known, registry: ModelRegistry) -> dict[str, str]:
    """Return the newest approved version (its ARN) of each group that a pipeline uses; empty where there is none."""
    return {group: _champion(group, registry) for group in known.groups}


def _champion(group: str, registry: ModelRegistry) -> str:
    packages = registry.list_packages(group)
    return next((p.arn for p in packages if p.status is ApprovalStatus.APPROVED), "")


def look_for_approvals(known: Known, now: Mapping[str, str], before: Mapping[str, str] | None) -> Changed:
    """Return whether a pipeline's champions are others than it was started for; what is gone starts nothing."""
    if before is None:
        return Changed()
    new = [(group, arn) for group, arn in now.items() if arn and before.get(group, "") != arn]
    if not new:
        return Changed()
    names = ", ".join(f"{group.rsplit('/', 1)[-1]} version {arn.rsplit('/', 1)[-1]}" for group, arn in new)
    return Changed(due=Due(pipeline=known.handle, cause=f"approval: {names} is in use now"))
