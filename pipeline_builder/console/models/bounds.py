"""Bounds of a gate as a reader needs them: where they lie, and which way is better, if they say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.metrics import Compared, short_name

Better = Literal["higher", "lower", ""]
Verdict = Literal["better", "worse", "same", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a gate asks of a metric, by its name as reports of it are flattened.

    `better` is empty where the gate doesn't say which way is: a range has two sides. Bounds that are parameters of the
    pipeline are in `words` alone, as the run was judged by their values.
    """

    metric: str
    min: float | None
    max: float | None
    better: Better
    words: str


def bounds_of(found: Sequence[BoundEvidence]) -> Mapping[str, Bound]:
    """Return the bounds of a version's gate by metric."""
    return {short_name(one.metric): _bound(one) for one in found}


def bounded_first(found: Iterable[Compared], bounds: Mapping[str, Bound]) -> list[tuple[Compared, Bound | None]]:
    """Return metrics with what the gate asks of each, those first that it asks something of."""
    return sorted(((one, bounds.get(one.path)) for one in found), key=lambda pair: pair[1] is None)


def _bound(one: BoundEvidence) -> Bound:
    least, most = _number(one.min), _number(one.max)
    return Bound(metric=short_name(one.metric), min=least, max=most, better=_better(one), words=", ".join(_words(one)))


def _number(limit: float | str | None) -> float | None:
    return None if isinstance(limit, str) else limit


def _words(one: BoundEvidence) -> list[str]:
    regression = one.max_regression
    worse = "lower" if one.higher_is_better else "higher"
    return [
        *([f"at least {_shown(one.min)}"] if one.min is not None else []),
        *([f"at most {_shown(one.max)}"] if one.max is not None else []),
        *([f"at most {regression} {worse} than the champion's"] if regression is not None else []),
    ]


def _shown(limit: float | str) -> str:
    return limit if isinstance(limit, str) else f"{limit:g}"


def _better(one: BoundEvidence) -> Better:
    if one.max_regression is None and one.min is not None and one.max is not None:
        return ""
    return "higher" if one.higher_is_better else "lower"


def judged(before: float | None, after: float | None, better: Better) -> Verdict:
    """Say whether a metric got better, where the gate says which way that is."""
    if before is None or after is None:
        return ""
    if before == after:
        return "same"
    if not better:
        return ""
    return "better" if (after > before) == (better == "higher") else "worse"
