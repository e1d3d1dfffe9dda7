"""The statistics of drift are SciPy's own: over all values where all are kept, and within the bound of a sketch."""

from __future__ import annotations

from typing import Any

import pytest

STATISTICS = ("psi", "ks", "js", "chi2", "wasserstein")


@pytest.mark.parametrize("statistic", [*STATISTICS, "ks_p", "chi2_p"])
@pytest.mark.parametrize("pair", ["small", "ties"])
def test_of_all_values_it_is_the_librarys(measured: Any, pair: str, statistic: str) -> None:
    ours, library = measured[pair][statistic]
    assert measured[pair]["error"] == 0
    assert ours == pytest.approx(library, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("statistic", ["psi", "js", "chi2", "chi2_p"])
def test_of_categories_it_is_the_librarys(measured: Any, statistic: str) -> None:
    ours, library = measured["words"][statistic]
    assert ours == pytest.approx(library, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("pair", ["large", "sorted"])
def test_of_a_sketch_it_is_within_its_bound(measured: Any, pair: str) -> None:
    """Ranks are wrong by the bound at most, and the numbers that stand for the whole by half of one of 20 000."""
    error = measured[pair]["error"]
    assert 0 < error < 0.005
    ours, library = measured[pair]["ks"]
    assert abs(ours - library) <= error + 2 * 0.5 / 20_000
    for statistic in ("psi", "js", "wasserstein"):
        ours, library = measured[pair][statistic]
        assert ours == pytest.approx(library, abs=4 * error, rel=4 * error)
