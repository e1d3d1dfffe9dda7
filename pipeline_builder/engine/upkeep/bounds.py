"""Bounds: how much of what has run is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Kept are the newest `executions` of each pipeline, and what was used in the last `days`.

    `store`, `jobs` and `environments` are bytes: where there is more, the oldest go before their time, but for the
    newest execution of each pipeline and what is needed. None is no bound.
    """

    executions: int = 10
    days: float = 30
    store: int | None = None
    jobs: int | None = None
    environments: int | None = None
