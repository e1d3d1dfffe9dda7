"""Approvals: another champion of a group that an inference pipeline uses, or another version in a stage of it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.gitops.due import Changed, Due, Known
from pipeline_builder.release.stages import is_ready
from pipeline_builder.target import ModelRegistry


def champions_of(known: Known, registry: ModelRegistry) -> dict[str, str]:
    """Return the version (its ARN) that a pipeline uses of each group, or of a stage of it; empty where none is."""
    return {f"{group} {stage}".strip(): _used(group, stage, registry) for group, stage in known.uses}


def _used(group: str, stage: str, registry: ModelRegistry) -> str:
    approved = (p for p in registry.list_packages(group) if p.status is ApprovalStatus.APPROVED)
    return next((p.arn for p in approved if not stage or is_ready(p.stage, p.stage_status, stage)), "")


def look_for_approvals(known: Known, now: Mapping[str, str], before: Mapping[str, str] | None) -> Changed:
    """Return whether a pipeline's champions are others than it was started for; what is gone starts nothing."""
    if before is None:
        return Changed()
    new = [(used, arn) for used, arn in now.items() if arn and before.get(used, "") != arn]
    if not new:
        return Changed()
    words = (f"{used.split()[0].rsplit('/', 1)[-1]} version {arn.rsplit('/', 1)[-1]}" for used, arn in new)
    names = ", ".join(dict.fromkeys(words))
    return Changed(due=Due(pipeline=known.handle, cause=f"approval: {names} is in use now"))
