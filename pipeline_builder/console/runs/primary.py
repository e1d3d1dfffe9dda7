"""The one metric of a model that a row has room for."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.release.metrics import short_name

_FIRST = ("auc", "f1", "accuracy", "balanced_accuracy", "r2", "rmse", "mae", "mse", "mape", "log_loss", "ndcg")
"""What people look at first, where a model has it: the first of these."""


def primary_metric(metrics: Mapping[str, float]) -> tuple[str, float | None]:
    """Return the short name and the value of the metric that says most, the first one where none is known."""
    if not metrics:
        return "", None
    by_name = {short_name(path).casefold(): path for path in reversed(list(metrics))}
    path = next((by_name[name] for name in _FIRST if name in by_name), next(iter(metrics)))
    return short_name(path), metrics[path]
