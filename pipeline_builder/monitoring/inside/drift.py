"""How far a distribution is from the baseline's: SciPy's statistics, over numbers or over shares of bins.

Each is defined where it is used: PSI as Siddiqi does (Credit Risk Scorecards, 2006, "population stability index"), the
sum of (current - baseline) * ln(current / baseline) over bins, which is the relative entropy both ways; the two-sample
Kolmogorov-Smirnov statistic and its p-value as `scipy.stats.ks_2samp`; the Jensen-Shannon distance to the base 2 as
`scipy.spatial.distance.jensenshannon`; Wasserstein's first distance, in standard deviations of the baseline; and
Pearson's chi-square over a table of counts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from scipy import special, stats
from scipy.spatial import distance

from .columns import CATEGORICAL, NUMERICAL
from .distribution import Distribution
from .sketch import quantiles, representatives

BINS = 10
# Up to so many values each is a bin of its own.
_FEW = 20
_CATEGORIES = 50
# What an empty bin's share counts as: the logarithm of nothing has no value.
_EMPTY = 1e-4
OTHER, NEW = "(other)", "(new)"
LIBRARY = f"scipy {scipy.__version__}"


def compare(baseline: Distribution, current: Distribution) -> dict[str, Any]:
    """Return the statistics of a column, with its bins or categories and the counts in them."""
    if baseline.type == NUMERICAL and baseline.numbers:
        return _numbers(baseline, current)
    if baseline.type == CATEGORICAL and baseline.categories:
        return _categories(baseline, current)
    return {}


def psi(baseline: Any, current: Any) -> float:
    """Return the population stability index of two vectors of counts."""
    expected, actual = (np.maximum(_shares(counts), _EMPTY) for counts in (baseline, current))
    return float((special.rel_entr(actual, expected) + special.rel_entr(expected, actual)).sum())


def jensen_shannon(baseline: Any, current: Any) -> float:
    """Return the Jensen-Shannon distance of two vectors of counts, from 0 to 1."""
    found = float(distance.jensenshannon(_shares(baseline), _shares(current), base=2))
    return 0.0 if math.isnan(found) else found  # of two that are alike SciPy may take the root of less than nothing


def kolmogorov_smirnov(baseline: Distribution, current: Distribution) -> tuple[float, float]:
    """Return the two-sample statistic and its asymptotic p-value for the numbers of rows that there are."""
    samples = [representatives(one.weighted) for one in (baseline, current)]
    with np.errstate(divide="ignore", invalid="ignore"):  # SciPy's own p-value of one row and one is none
        # By place: the last parameter has had several names.
        found = float(stats.ks_2samp(*samples, "two-sided", "asymp").statistic)
    first, second = sorted((baseline.numbers, current.numbers), reverse=True)
    return found, float(np.clip(stats.kstwo.sf(found, max(1.0, np.round(first * second / (first + second)))), 0, 1))


def wasserstein(baseline: Distribution, current: Distribution) -> float | None:
    """Return the first Wasserstein distance in standard deviations of the baseline; None where it has none."""
    if not baseline.deviation > 0:
        return None
    found = stats.wasserstein_distance(
        baseline.weighted[0], current.weighted[0], baseline.weighted[1], current.weighted[1]
    )
    return float(found) / baseline.deviation


def chi_square(baseline: Any, current: Any) -> tuple[float, float] | None:
    """Return Pearson's statistic and its p-value over the bins that aren't empty in both."""
    table = np.array([baseline, current], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return None
    statistic, p_value = stats.chi2_contingency(table, correction=False)[:2]
    return float(statistic), float(p_value)


def _shares(counts: Any) -> Any:
    found = np.asarray(counts, dtype=float)
    return found / found.sum() if found.sum() else found


def edges_of(baseline: Distribution) -> Any:
    """Return the bounds between bins: the baseline's deciles, or where it has few values those between them."""
    values = np.unique(baseline.weighted[0])
    if len(values) <= _FEW:
        inner = values[:-1] / 2 + values[1:] / 2  # their sum may be more than a number
        return np.unique([np.nextafter(values[0], -math.inf), *inner, values[-1]])
    found, times = np.unique(quantiles(baseline.weighted, np.arange(1, BINS) / BINS), return_counts=True)
    # A value that is several deciles is a bin of its own: what is below it is no part of it.
    lower = [np.nextafter(value, -math.inf) for value in found[times > 1]]
    below = [value for value in lower if _between(values, found[found < value][-1:], value)]
    return np.unique([*found, *below])


def _between(values: Any, after: Any, up_to: float) -> bool:
    return bool(((values > (after[0] if len(after) else -math.inf)) & (values <= up_to)).any())


def counts_of(found: Distribution, edges: Any) -> Any:
    """Return how many numbers are in each bin; a bin has its upper bound, the first and last are open."""
    values, weights = found.weighted
    return np.bincount(np.searchsorted(edges, values, side="left"), weights=weights, minlength=len(edges) + 1)


def _numbers(baseline: Distribution, current: Distribution) -> dict[str, Any]:
    edges = edges_of(baseline)
    before, now = counts_of(baseline, edges), counts_of(current, edges)
    bins = [None, *map(float, edges), None]
    found: dict[str, Any] = {
        "baseline": {"bins": bins, "counts": _whole(before), **_moments(baseline)},
        "current": {"counts": _whole(now), **_moments(current)},
        "error": baseline.error + current.error,
    }
    if not current.numbers:
        return found
    ks, p_value = kolmogorov_smirnov(baseline, current)
    apart = wasserstein(baseline, current)
    return {**_over_bins(before, now), "ks": ks, "ks_p": p_value, "wasserstein": apart, **found}


def _moments(found: Distribution) -> dict[str, Any]:
    return {"mean": found.mean, "std_dev": found.deviation, "min": found.least, "max": found.most}


def _over_bins(before: Any, now: Any) -> dict[str, Any]:
    chi = chi_square(before, now)
    values = {"chi2": chi[0], "chi2_p": chi[1]} if chi else {}
    return {"psi": psi(before, now), "js": jensen_shannon(before, now), **values}


def _categories(baseline: Distribution, current: Distribution) -> dict[str, Any]:
    if not baseline.is_complete and not current.is_complete:
        return {}
    known = sorted(baseline.categories, key=lambda name: (-baseline.categories[name], name))
    shown = known[:_CATEGORIES]
    before = [baseline.categories[name] for name in shown]
    now = [current.categories.get(name, 0) for name in shown]
    rest = sum(current.categories.get(name, 0) for name in known[_CATEGORIES:])
    other = max(0, baseline.present - sum(before))
    unseen = max(0, current.present - sum(now) - rest)
    if other or rest:
        shown, before, now = [*shown, OTHER], [*before, other], [*now, rest if baseline.is_complete else rest + unseen]
    if baseline.is_complete and unseen:
        shown, before, now = [*shown, NEW], [*before, 0], [*now, unseen]
    found: dict[str, Any] = {"baseline": {"categories": shown, "counts": before}, "current": {"counts": now}}
    return {**_over_bins(before, now), **found} if sum(now) else found


def _whole(counts: Any) -> list[int]:
    return [round(float(count)) for count in counts]
