"""Whether a column's drift can be told from chance: of few rows every statistic is large, whatever they are drawn from.

For n and m rows of one distribution PSI is about (bins - 1) (1/n + 1/m), and more where bins are rare: 0.2 is no sign
of drift in a day of fifty rows. So few have drifted only where chance alone makes that of one in a thousand such days.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .drift import chi_square

# Values that a column has at least, here and in the baseline, for anything to be said.
MIN_ROWS = 20
_ENOUGH = 20
_LEAST_EXPECTED = 5
_LEVEL = 0.001


def is_told(found: dict[str, Any], min_rows: float) -> bool:
    """Tell whether a column's statistics say anything: they are of enough rows for its bins, or no chance."""
    before, now = (np.asarray(found[side]["counts"], dtype=float) for side in ("baseline", "current"))
    rows = before.sum(), now.sum()
    if min(rows) < max(1, min_rows):
        return False
    bins = np.count_nonzero(before + now)
    if rows[0] * rows[1] / (rows[0] + rows[1]) >= _ENOUGH * bins:
        return True
    if (by_rank := found.get("ks_p")) is not None and by_rank < _LEVEL:
        return True
    by_bins = _over_bins(before, now)
    return by_bins is not None and by_bins < _LEVEL


def is_chance(outside: int, rows: float, baseline: float) -> bool:
    """Tell whether so many rows may lie outside of what a baseline of the same distribution happens to reach."""
    return bool((outside + 1) * (rows / (rows + baseline)) ** outside >= _LEVEL)


def _over_bins(before: Any, now: Any) -> float | None:
    """Return the p-value of chi-square over bins that are pooled until five rows are expected in each (Cochran)."""
    share = min(before.sum(), now.sum()) / (before.sum() + now.sum())
    pooled = [[0.0, 0.0]]
    for one, other in zip(before, now):
        if sum(pooled[-1]) * share >= _LEAST_EXPECTED:
            pooled.append([0.0, 0.0])
        pooled[-1][0] += one
        pooled[-1][1] += other
    if len(pooled) > 1 and sum(pooled[-1]) * share < _LEAST_EXPECTED:
        rest = pooled.pop()
        pooled[-1] = [pooled[-1][0] + rest[0], pooled[-1][1] + rest[1]]
    found = chi_square(*np.array(pooled).T)
    return found[1] if found else None
