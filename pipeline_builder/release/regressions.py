"""What can be drawn of a regression's evaluation report.

SageMaker's own report of a regression has `mae`, `mse`, `rmse` and `r2` below `regression_metrics`, each a value with a
standard deviation (docs.aws.amazon.com, model-monitor-model-quality-metrics), and nothing that could be drawn. These
three names are this tool's, beside them, in the form that SageMaker gives to curves: lists of equal length.

    "predicted_and_actual":     {"predictions": [2.1, …], "actuals": [2.4, …]}     rows, or a sample of them
    "residual_histogram":       {"edges": [-1.0, -0.8, …], "counts": [3, …]}       of actual - predicted; one edge more
    "absolute_error_quantiles": {"quantiles": [0.1, …, 0.99], "errors": [0.04, …]}
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline_builder.release.metrics import find_named, number_of

PREDICTED, RESIDUALS, QUANTILES = "predicted_and_actual", "residual_histogram", "absolute_error_quantiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many of what lies between two edges; there is one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


def find_predicted(report: Any) -> tuple[tuple[float, float], ...]:
    """Return pairs of the actual value and of what was predicted for it; none where the report has none."""
    found = find_named(report, PREDICTED)
    return _pairs(found.get("actuals"), found.get("predictions")) if isinstance(found, dict) else ()


def find_residuals(report: Any) -> Histogram | None:
    """Return the histogram of actual minus predicted; None where the report has none that is whole."""
    found = find_named(report, RESIDUALS)
    if not isinstance(found, dict):
        return None
    edges, counts = _numbers(found.get("edges")), _numbers(found.get("counts"))
    whole = counts and len(edges) == len(counts) + 1 and all(a < b for a, b in pairwise(edges))
    return Histogram(edges=edges, counts=counts) if whole and min(counts) >= 0 else None


def find_quantiles(report: Any) -> tuple[tuple[float, float], ...]:
    """Return pairs of a share of the rows and of the error that theirs are below, by the share."""
    found = find_named(report, QUANTILES)
    pairs = _pairs(found.get("quantiles"), found.get("errors")) if isinstance(found, dict) else ()
    return tuple(sorted((share, error) for share, error in pairs if 0 <= share <= 1 and error >= 0))


def _pairs(xs: Any, ys: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(xs, list) or not isinstance(ys, list):
        return ()
    pairs = ((number_of(x), number_of(y)) for x, y in zip(xs, ys, strict=False))
    return tuple((x, y) for x, y in pairs if x is not None and y is not None)


def _numbers(values: Any) -> tuple[float, ...]:
    """Return a list's numbers; none where one of them is no number."""
    found = [number_of(value) for value in values] if isinstance(values, list) else []
    return () if any(value is None for value in found) else tuple(value for value in found if value is not None)
