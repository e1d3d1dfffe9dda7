"""A column's distribution, as it was just read or as `statistics.json` has it: what drift is measured between."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .columns import CATEGORICAL, NUMERICAL, UNKNOWN, Column
from .sketch import Sketch


class Distribution:
    """`weighted` are the numbers and the weight of each, `error` bounds their ranks' error as a share, `categories`
    the number of rows of each; of a column with too many of them `is_complete` is false.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.type = kind
        self.rows = self.missing = self.texts = self.infinite = 0
        self.weighted: tuple[Any, Any] = (np.empty(0), np.empty(0))
        self.error = 0.0
        self.least = self.most = self.mean = self.deviation = math.nan
        self.categories: dict[str, int] = {}
        self.is_complete = True

    @property
    def present(self) -> int:
        """How many values there are."""
        return self.rows - self.missing

    @property
    def numbers(self) -> float:
        """How many finite numbers there are."""
        return float(self.weighted[1].sum())

    @property
    def missing_share(self) -> float:
        """Which share of the rows has no value."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def mistyped_share(self) -> float:
        """Which share of the values of a numerical column is no number."""
        return self.texts / self.present if self.type == NUMERICAL and self.present else 0.0


def of_column(column: Column, kind: str = "") -> Distribution:
    """Return what was read, as a column of this type."""
    found = Distribution(column.name, kind or column.type)
    found.rows, found.missing = column.rows, column.missing
    found.texts, found.infinite = column.texts, column.infinite
    found.weighted, found.error = column.sketch.weighted(), column.sketch.error
    if column.numbers:
        found.least, found.most = column.least, column.most
        found.mean, found.deviation = column.mean, column.deviation
    # Which columns have categories is the baseline's to say: the few rows of a day may have each of theirs but once.
    found.categories = dict(column.categories)
    found.is_complete = column.is_complete if kind else column.has_categories
    return found


def read_feature(feature: dict[str, Any]) -> Distribution:
    """Return a feature of `statistics.json`, this package's or one of Model Monitor's own."""
    numerical, texts = feature.get("numerical_statistics"), feature.get("string_statistics")
    kind = NUMERICAL if numerical else CATEGORICAL if texts else UNKNOWN
    found = Distribution(str(feature.get("name")), kind)
    about = numerical or texts or {}
    common = about.get("common") or {}
    found.missing = int(common.get("num_missing") or 0)
    found.rows = int(common.get("num_present") or 0) + found.missing
    found.texts = int(common.get("num_mistyped") or 0)
    found.infinite = int(common.get("num_infinite") or 0)
    distribution = about.get("distribution") or {}
    if numerical:
        _read_numbers(found, numerical, distribution.get("kll") or {})
    buckets = (distribution.get("categorical") or {}).get("buckets") or ()
    found.categories = {str(bucket["value"]): int(bucket["count"]) for bucket in buckets}
    found.is_complete = sum(found.categories.values()) >= found.present
    return found


def _read_numbers(found: Distribution, numerical: dict[str, Any], kll: dict[str, Any]) -> None:
    found.least, found.most = (_number(numerical.get(key)) for key in ("min", "max"))
    found.mean, found.deviation = (_number(numerical.get(key)) for key in ("mean", "std_dev"))
    sketch = kll.get("sketch") or {}
    if any(sketch.get("data") or ()):
        kept = Sketch.of(sketch["data"], float(sketch.get("error") or 0.0))
        found.weighted, found.error = kept.weighted(), kept.error
        return
    buckets = [bucket for bucket in kll.get("buckets") or () if bucket.get("count")]
    total = sum(int(bucket["count"]) for bucket in buckets)
    if total:
        found.weighted = _spread(buckets)
        found.error = max(int(bucket["count"]) for bucket in buckets) / total


def _spread(buckets: list[dict[str, Any]], points: int = 100) -> tuple[Any, Any]:
    """Spread each bucket's rows evenly between its bounds: all that is known of them."""
    values, weights = [], []
    for bucket in buckets:
        count, low, high = int(bucket["count"]), float(bucket["lower_bound"]), float(bucket["upper_bound"])
        here = 1 if low == high else min(points, count)
        values.append(low + (high - low) * (np.arange(here) + 0.5) / here if here > 1 else np.array([(low + high) / 2]))
        weights.append(np.full(here, count / here))
    all_values, all_weights = np.concatenate(values), np.concatenate(weights)
    order = np.argsort(all_values, kind="mergesort")
    return all_values[order], all_weights[order]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
