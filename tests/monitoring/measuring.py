"""Measures distributions twice, in the Python of an image: by the job's code over sketches, and by SciPy over all values.

Of each pair of samples, and of each statistic, (ours, the library's), with the bound of the error that ours says of
itself.
"""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any


def measure() -> dict[str, Any]:
    """Return what was measured."""
    np: Any = importlib.import_module("numpy")
    chance = np.random.default_rng(17)
    pairs = {
        "small": (chance.normal(0, 1, 500), chance.normal(0.4, 1.3, 300)),
        "ties": (chance.poisson(3, 5000), chance.poisson(4, 4000)),
        "large": (chance.lognormal(0, 1, 300_000), chance.lognormal(0.1, 1.1, 200_000)),
        "sorted": (np.arange(250_000) ** 0.5, np.arange(200_000)[::-1] ** 0.5 + 5),
    }
    words = {"words": (["a"] * 50 + ["b"] * 30 + ["c"] * 20, ["a"] * 30 + ["b"] * 30 + ["d"] * 40)}
    found = {name: _numbers(*pair) for name, pair in pairs.items()}
    found.update({name: _words(*pair) for name, pair in words.items()})
    return {**found, "columns": _columns()}


def _columns() -> dict[str, Any]:
    """Return what is known of columns of such kinds as only Parquet brings."""
    pandas: Any = importlib.import_module("pandas")
    column: Any = importlib.import_module("smp_monitoring.columns").Column
    lengths, dictionary = column("x"), column("y")
    lengths.add(pandas.Series(pandas.to_timedelta([60, None, 90], unit="s")))
    dictionary.add(pandas.Series(pandas.Categorical(["a", "b", "a"], categories=["a", "b", "c"])))
    return {
        "lengths": [lengths.numbers, lengths.missing, lengths.least, lengths.most],
        "dictionary": dictionary.categories,
    }


def _read(values: Any, chunk: int = 50_000) -> Any:
    pandas: Any = importlib.import_module("pandas")
    columns = importlib.import_module("smp_monitoring.columns")
    column = columns.Column("x")
    for start in range(0, len(values), chunk):
        column.add(pandas.Series(values[start : start + chunk]))
    return importlib.import_module("smp_monitoring.distribution").of_column(column)


def _numbers(before: Any, after: Any) -> dict[str, Any]:
    np: Any = importlib.import_module("numpy")
    drift: Any = importlib.import_module("smp_monitoring.drift")
    stats: Any = importlib.import_module("scipy.stats")
    baseline, current = _read(before), _read(after)
    ours = drift.compare(baseline, current)
    edges = [-math.inf, *ours["baseline"]["bins"][1:-1], math.inf]
    counts = [
        [int(((values > low) & (values <= high)).sum()) for low, high in itertools.pairwise(edges)]
        for values in (before, after)
    ]
    test = stats.ks_2samp(before, after, "two-sided", "asymp")
    apart = stats.wasserstein_distance(before, after) / np.std(before)
    library = {"ks": float(test.statistic), "ks_p": float(test.pvalue), "wasserstein": float(apart), **_binned(*counts)}
    return {"error": ours["error"], **{name: (ours[name], value) for name, value in library.items()}}


def _words(before: list[str], after: list[str]) -> dict[str, Any]:
    drift: Any = importlib.import_module("smp_monitoring.drift")
    ours = drift.compare(_read(before), _read(after))
    names = sorted({*before, *after})
    library = _binned(*([values.count(name) for name in names] for values in (before, after)))
    return {"error": 0.0, **{name: (ours[name], value) for name, value in library.items()}}


def _binned(before: list[int], after: list[int]) -> dict[str, float]:
    """The published definitions: PSI written out, the others SciPy's."""
    stats: Any = importlib.import_module("scipy.stats")
    distance: Any = importlib.import_module("scipy.spatial.distance")
    shares = [[max(1e-4, count / sum(counts)) for count in counts] for counts in (before, after)]
    psi = sum((now - then) * math.log(now / then) for then, now in zip(*shares, strict=True))
    both = [pair for pair in zip(before, after, strict=True) if any(pair)]
    chi = stats.chi2_contingency(list(zip(*both, strict=True)), correction=False)
    return {
        "psi": psi,
        "js": float(distance.jensenshannon(before, after, base=2)),
        "chi2": float(chi[0]),
        "chi2_p": float(chi[1]),
    }
