"""The baseline's files, in Model Monitor's schema: `statistics.json` and `constraints.json`.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-statistics.html and …-byoc-constraints.html; a
container may add to them, and `num_mistyped`, `num_infinite` and the sketch's `error` are this one's own.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from .columns import CATEGORICAL, NUMERICAL, Column
from .distribution import Distribution, read_feature
from .failure import UnusableError
from .sketch import quantiles

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
# What another's JSON may raise where it isn't of the shape.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, RecursionError)
_VERSIONS = (0, None)
_BUCKETS = 10
_FINE_BUCKETS = 100
# Without values kept, a category that fewer rows have isn't told.
_LEAST_ROWS = 10
_MOST_DOMAIN = 100


def statistics(columns: list[Column], rows: int, *, keep_values: bool, left_out: Iterable[str] = ()) -> dict[str, Any]:
    """Return `statistics.json`: with `keep_values` a sketch of each column has values of single rows in it.

    `left_out` are the columns that nobody looks at, so that no later look takes them for new ones.
    """
    features = [_feature(column, keep_values=keep_values) for column in columns]
    about = {"item_count": rows, **({"left_out": sorted(left_out)} if left_out else {})}
    return {"version": 0, "dataset": about, "features": features}


def _feature(column: Column, *, keep_values: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "inferred_type": inferred(column)}
    common = {"num_present": column.present, "num_missing": column.missing}
    if column.type == NUMERICAL:
        if column.texts:
            common["num_mistyped"] = column.texts
        if column.infinite:
            common["num_infinite"] = column.infinite
        found["numerical_statistics"] = _numerical(column, common, keep_values=keep_values)
    elif column.type == CATEGORICAL:
        counts = column.categories.items() if column.has_categories else ()
        buckets = [
            {"value": name, "count": count}
            for name, count in sorted(counts, key=lambda item: (-item[1], item[0]))
            if keep_values or count >= _LEAST_ROWS
        ]
        found["string_statistics"] = {
            "common": common,
            "distinct_count": len(column.categories) or column.present,
            "distribution": {"categorical": {"buckets": buckets}},
        }
    return found


def inferred(column: Column) -> str:
    """Return the column's type in Model Monitor's words."""
    if column.type == NUMERICAL:
        return "Integral" if column.numbers and column.is_whole else "Fractional"
    return "String" if column.type == CATEGORICAL else "Unknown"


def _numerical(column: Column, common: dict[str, int], *, keep_values: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"common": common}
    if not column.numbers:
        return found
    kll: dict[str, Any] = {"buckets": _buckets(column) if keep_values else _quantile_buckets(column)}
    if keep_values:
        parameters = {"c": 1.0, "k": float(column.sketch.size)}
        kll["sketch"] = {"parameters": parameters, "data": column.sketch.data, "error": column.sketch.error}
    moments = {"mean": column.mean, "sum": column.total, "std_dev": column.deviation}
    return {**found, **moments, "min": column.least, "max": column.most, "distribution": {"kll": kll}}


def _buckets(column: Column) -> list[dict[str, Any]]:
    """Ten of the same width, as the prebuilt container has them."""
    low, high = column.least, column.most
    values, weights = column.sketch.weighted()
    if low == high or not math.isfinite(high - low):
        return [{"lower_bound": low, "upper_bound": high, "count": int(weights.sum())}]
    edges = np.linspace(low, high, _BUCKETS + 1)
    counts, _ = np.histogram(np.clip(values, low, high), bins=edges, weights=weights)
    return [_bucket(edges[at], edges[at + 1], counts[at]) for at in range(_BUCKETS)]


def _quantile_buckets(column: Column) -> list[dict[str, Any]]:
    """A hundred of about as many rows each: all that is kept where no values are.

    A value that has a whole bucket's rows, or that is one of few, is a bucket of its own.
    """
    values, weights = column.sketch.weighted()
    inner = quantiles((values, weights), np.arange(1, _FINE_BUCKETS) / _FINE_BUCKETS)
    distinct, counts = np.unique(inner, return_counts=True)
    often = distinct[counts > 1]
    edges = np.unique([column.least, *distinct, column.most])
    found = []
    for at, edge in enumerate(edges):
        if edge in often:
            found.append(_bucket(edge, edge, weights[values == edge].sum()))
        if at + 1 < len(edges):
            high = edges[at + 1]
            within = (values > edge if edge in often else values >= edge) & (values < high)
            if high == edges[-1] and high not in often:
                within |= values == high
            found.append(_bucket(edge, high, weights[within].sum()))
    if len(edges) == 1 and not found:
        found.append(_bucket(edges[0], edges[0], weights.sum()))
    return [bucket for bucket in found if bucket["count"]]


def _bucket(low: Any, high: Any, count: Any) -> dict[str, Any]:
    return {"lower_bound": float(low), "upper_bound": float(high), "count": round(float(count))}


def constraints(columns: list[Column], settings: dict[str, Any]) -> dict[str, Any]:
    """Return `constraints.json`, with the thresholds that Model Monitor suggests itself."""
    features = []
    for column in columns:
        found: dict[str, Any] = {
            "name": column.name,
            "inferred_type": inferred(column),
            "completeness": column.present / column.rows if column.rows else 0.0,
        }
        if column.type == NUMERICAL:
            found["num_constraints"] = {"is_non_negative": column.numbers > 0 and column.least >= 0}
        elif column.type == CATEGORICAL and column.has_categories and len(column.categories) <= _MOST_DOMAIN:
            rows = 0 if settings.get("keep_values", True) else _LEAST_ROWS
            found["string_constraints"] = {"domains": sorted(k for k, n in column.categories.items() if n >= rows)}
        features.append(found)
    compared = {"perform_comparison": "Enabled", "comparison_threshold": 0.1, "comparison_method": "Robust"}
    compared.update({"categorical_comparison_threshold": 0.1, "categorical_drift_method": "LInfinity"})
    config = {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": compared,
    }
    return {"version": 0, "features": features, "monitoring_config": config}


def read_statistics(folder: str, name: str = STATISTICS) -> tuple[dict[str, Distribution], frozenset[str]]:
    """Return the baseline's columns by name, and the names of those that it left out.

    Raises:
        UnusableError: there is none, or it can't be read.
    """
    path = os.path.join(folder, name)
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if (version := found.get("version")) not in _VERSIONS:
            raise UnusableError(f"the model's baseline has the version {str(version)[:20]} of {name}, known is 0")
        features = [read_feature(feature) for feature in found["features"]]
        left_out = frozenset(map(str, (found.get("dataset") or {}).get("left_out") or ()))
    except FileNotFoundError:
        raise UnusableError(f"the model's baseline has no {name}: train it anew with a Baseline step") from None
    except UNREADABLE as error:
        raise UnusableError(f"the model's baseline can't be read: {name}: {error!r}"[:300]) from None
    return {feature.name: feature for feature in features}, left_out


def write(folder: str, name: str, content: dict[str, Any]) -> None:
    """Write a file whole: numbers that JSON hasn't got are null."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(f"{path}.part", "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(plain(content), file, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        file.write("\n")
    os.replace(f"{path}.part", path)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
