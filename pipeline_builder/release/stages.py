"""Stages: puts an approved version into a stage of its life cycle, in the place of the version that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline_builder.release.promote import MOST_DESCRIPTION, Decision
from pipeline_builder.target import ModelRegistry

READY, REPLACED = "Approved", "Replaced"
"""The status that a version is used with in its stage, and that of one whose place another has taken."""


def put_in_stage(arns: Iterable[str], stage: str, decision: Decision, registry: ModelRegistry) -> Iterator[str]:
    """Put approved packages into a stage, and yield a line about each.

    The new one is there before the old one leaves, and only what was there before leaves: whoever is killed, or at it
    with another, doesn't leave the stage empty. The same again changes nothing, and does what is left.
    """
    for arn in arns:
        package = registry.describe_package(arn)
        before = [
            one
            for one in registry.list_packages(package.group)
            if one.arn != arn and is_ready(one.stage, one.stage_status, stage)
        ]
        registry.set_stage(arn, stage, READY, description=_word("put there", decision))
        for one in before:
            registry.set_stage(one.arn, one.stage, REPLACED, description=_word("replaced", decision))
        place = f", in the place of version {', '.join(str(one.version) for one in before)}" if before else ""
        yield f"{package.group} version {package.version} in '{stage}'{place}"


def is_ready(stage: str, status: str, asked: str) -> bool:
    """Tell whether a version with this stage and status is used where that stage is asked for."""
    return stage.casefold() == asked.casefold() and status.casefold() == READY.casefold()


def _word(what: str, decision: Decision) -> str:
    words = f"{what} by {decision.by}{f': {decision.comment}' if decision.comment else ''}"
    return " ".join(words.split())[:MOST_DESCRIPTION]
