"""What a scenario costs, estimated: prices of us-east-1 without free tiers, rounded up; other Regions differ a bit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BUILD_MINUTE = 0.005
ACTION_MINUTE = 0.002
JOB_MINUTE = {"ml.t3.medium": 0.05 / 60, "ml.m5.large": 0.115 / 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Minutes of builds (which are minutes of actions as well), of other actions, and of jobs by instance type."""

    builds: float = 0
    actions: float = 0
    jobs: tuple[tuple[str, float], ...] = ()
    other: float = 0

    @property
    def usd(self) -> float:
        """The sum, in USD."""
        jobs = sum(JOB_MINUTE[kind] * minutes for kind, minutes in self.jobs)
        return self.builds * (BUILD_MINUTE + ACTION_MINUTE) + self.actions * ACTION_MINUTE + jobs + self.other


def total(costs: Iterable[Cost]) -> float:
    """Return the sum of all, in USD."""
    return sum(cost.usd for cost in costs)


FREE = Cost()
