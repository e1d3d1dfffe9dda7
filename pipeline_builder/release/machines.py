"""Machines: what the jobs of a run ran on, and what that costs by prices that somebody has given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.record import StepRecord

PRICES = "SMP_MACHINE_PRICES"
_RESOURCES = (("ProcessingResources", "ClusterConfig"), ("TransformResources",), ("ResourceConfig",))
_PRICE = re.compile(r"(ml\.[a-z0-9]+\.[a-z0-9]+)=([0-9]{1,6}(?:\.[0-9]{1,9})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTime:
    """How long jobs were on machines of a type, all of them together; `usd` is None where nobody has said a price."""

    type: str
    jobs: int
    seconds: float
    usd: float | None = None


def machine_of(arguments: JSON) -> tuple[str, int]:
    """Return the type and the number of machines that a job's request asks for; ("", 0) where it says neither."""
    for path in _RESOURCES:
        found = arguments
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict) and isinstance(kind := found.get("InstanceType"), str):
            count = found.get("InstanceCount", 1)
            return kind, count if isinstance(count, int) and not isinstance(count, bool) else 1
    return "", 0


def machine_times(steps: Iterable[StepRecord], prices: Mapping[str, float]) -> tuple[MachineTime, ...]:
    """Return the times by type, the longest first: of jobs that ran and have ended, not of what the cache had."""
    jobs: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for step in steps:
        if step.machine and step.started and step.ended and not step.cache_hit and not step.stub:
            took = (step.ended - step.started).total_seconds() * max(step.machines, 1)
            jobs[step.machine] = jobs.get(step.machine, 0) + 1
            seconds[step.machine] = seconds.get(step.machine, 0.0) + took
    found = [
        MachineTime(
            type=kind, jobs=jobs[kind], seconds=took, usd=took / 3600 * prices[kind] if kind in prices else None
        )
        for kind, took in seconds.items()
    ]
    return tuple(sorted(found, key=lambda time: -time.seconds))


def machine_prices(values: Mapping[str, str]) -> dict[str, float]:
    """Return what an hour of each type of machine costs in USD, as `SMP_MACHINE_PRICES` says it.

    Raises:
        InputProblems: PB991 for what is no price.
    """
    words = values.get(PRICES, "").split()
    if bad := [word for word in words if not _PRICE.fullmatch(word)]:
        message = f"{PRICES} has '{bad[0]}', expected types of machines with the USD of an hour"
        raise InputProblems(
            Problem(id="PB991", message=message, hint="write it as ml.m5.large=0.115 ml.m5.xlarge=0.23")
        )
    return {match[1]: float(match[2]) for match in map(_PRICE.fullmatch, words) if match}
