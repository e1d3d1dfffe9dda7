"""Runs, packages and facts for pages about models."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pipeline_builder.console.models.history import Ran


def ran(version: int, **metrics: float) -> Ran:
    """Return what the index has of a version's run."""
    when = datetime(2026, 11, 1, tzinfo=timezone.utc) + timedelta(days=version)
    return Ran(pipeline="churn", run=f"run{version}", execution=f"arn/run{version}", started=when, metrics=metrics)
