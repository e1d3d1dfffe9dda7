"""What a monitor's file says, as a reader looks at it: the worst column first, each statistic against its bound.

The file is a job's: whatever isn't of the shape is left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_builder.views.distributions import Distribution, distribution_of

STATISTICS = {
    "psi": "PSI",
    "ks": "KS",
    "js": "Jensen-Shannon",
    "wasserstein": "Wasserstein",
    "chi2": "Chi-square",
    "missing": "Missing",
}
"""What is drawn of a column, and what a reader calls it."""
_LEAST = 2
"""Statistics that are drawn at least, with bounds or without."""
_MOST_COLUMNS = 2000
_MOST_VIOLATIONS = 2000
_MOVED = {"drift", "category", "range"}
_CUT = 5
"""A bar ends at so many times its bound: one wild column would make all others look like none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that is beyond its bound; `value` and `bound` are None where they are no numbers."""

    kind: str
    column: str
    statistic: str
    value: float | None
    bound: float | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A value as a bar: its length and where its bound is in percent of the axis; `over` where it goes on beyond."""

    value: float
    length: float
    bound: float | None
    mark: float | None
    over: bool

    @property
    def beyond(self) -> bool:
        """Tell whether the value is more than it may be."""
        return self.bound is not None and self.value > self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column with a meter for each statistic of the page, None where it has none.

    `moved` says that its distribution is what violates a bound.
    """

    name: str
    type: str
    meters: tuple[Meter | None, ...]
    violated: bool
    moved: bool
    shape: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A monitor's file; `statistics` are the names of the meters, in their order."""

    violations: tuple[Violation, ...]
    statistics: tuple[str, ...]
    columns: tuple[Column, ...]
    columns_left: int
    predictions: Column | None
    quality: tuple[tuple[str, float], ...]
    library: str

    @property
    def beyond(self) -> int:
        """The number of columns of which something is more than it may be."""
        return sum(column.violated for column in self.columns)


def read_watched(found: Any) -> Watched:
    """Return what there is to see in a monitor's file; nothing of what isn't there or is no monitor's."""
    found = mapping(found)
    violations = _violations(found.get("violations"))
    raw = {name: mapping(column) for name, column in mapping(found.get("columns")).items()}
    predictions = mapping(found.get("predictions"))
    # The predictions have the columns' axes, and a name that no column can have: a JSON's keys are texts.
    every: dict[str | None, Mapping[str, Any]] = dict(raw.items())
    if predictions:
        every[None] = predictions
    bounds = mapping(found.get("bounds"))
    said = _by_column(violations)
    limits = {name: _limits(column, bounds, said.get(name, ())) for name, column in every.items()}
    scales = {name: _scale(name, every, limits) for name in _drawn(every, limits)}
    read = [_column(name, every[name], limits[name], scales, said.get(name, ())) for name in raw]
    read.sort(key=_badness)
    return Watched(
        violations=violations[:_MOST_VIOLATIONS],
        statistics=tuple(scales),
        columns=tuple(read[:_MOST_COLUMNS]),
        columns_left=max(len(read) - _MOST_COLUMNS, 0),
        predictions=_column(None, predictions, limits[None], scales, said.get(None, ())) if predictions else None,
        quality=_quality(found.get("quality")),
        library=text(found.get("library")),
    )


def _drawn(
    raw: Mapping[str | None, Mapping[str, Any]], limits: Mapping[str | None, Mapping[str, float]]
) -> tuple[str, ...]:
    """Return the statistics that are worth their room: those with a bound, or else the first ones; missing values only
    where any are.
    """
    there = [name for name in STATISTICS if any(number(column.get(name)) is not None for column in raw.values())]
    bounded = [name for name in there if any(name in limit for limit in limits.values())]
    chosen = {*bounded, *[name for name in there if name not in bounded][: max(_LEAST - len(bounded), 0)]}
    if not any(number(column.get("missing")) for column in raw.values()):
        chosen.discard("missing")
    return tuple(name for name in STATISTICS if name in chosen)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping of texts; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """Return a number that can be drawn; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def worst_drift(drift: Any) -> float | None:
    """Return the worst column's PSI, or the first statistic there is: days are compared, whatever had a bound then."""
    values = (number(mapping(drift).get(f"max_{name}")) for name in STATISTICS)
    return next((value for value in values if value is not None), None)


def text(value: Any) -> str:
    """Return a text, cut where nobody would read on."""
    return value[:1000] if isinstance(value, str) else ""


def _violations(found: Any) -> tuple[Violation, ...]:
    read = [
        Violation(
            kind=text(one.get("kind")),
            column=text(one.get("column")),
            statistic=text(one.get("statistic")),
            value=number(one.get("value")),
            bound=number(one.get("bound")),
            message=text(one.get("message")),
        )
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict) and text(one.get("kind"))
    ]
    # What isn't drift can't be seen below: rows, types, schemas first.
    return tuple(sorted(read, key=lambda one: (one.kind == "drift", -_times(one))))


def _times(one: Violation) -> float:
    """Return how many times the bound the value is."""
    return one.value / one.bound if one.value is not None and one.bound else 0.0


def _by_column(violations: Sequence[Violation]) -> Mapping[str | None, Sequence[Violation]]:
    """Return the violations of each column; None are the predictions."""
    found: defaultdict[str | None, list[Violation]] = defaultdict(list)
    for one in violations:
        found[one.column].append(one)
        if one.column in {"prediction", "predictions"}:
            found[None].append(one)
    return found


def _limits(
    column: Mapping[str, Any], bounds: Mapping[str, Any], violations: Sequence[Violation]
) -> Mapping[str, float]:
    """Return the bounds of a column: its own, the file's, or what one of its violations says."""
    own = mapping(column.get("bounds"))
    said = {one.statistic or one.kind: one.bound for one in violations}
    # What may be chance is beyond no bound.
    judged = STATISTICS if column.get("judged") is not False else {"missing": ""}
    found = {key: number(own.get(key, bounds.get(key, said.get(key)))) for key in judged}
    return {key: value for key, value in found.items() if value is not None}


def _scale(
    name: str, raw: Mapping[str | None, Mapping[str, Any]], limits: Mapping[str | None, Mapping[str, float]]
) -> float:
    """Return where the axis of a statistic ends."""
    greatest = max((number(column.get(name)) or 0.0 for column in raw.values()), default=0.0)
    bound = max((limit.get(name, 0.0) for limit in limits.values()), default=0.0)
    return (min(max(greatest, bound * 1.25), bound * _CUT) if bound else greatest) or 1.0


def _column(
    name: str | None,
    raw: Mapping[str, Any],
    limits: Mapping[str, float],
    scales: Mapping[str, float],
    violations: Sequence[Violation],
) -> Column:
    meters = {key: _meter(number(raw.get(key)), limits.get(key), scale) for key, scale in scales.items()}
    said = {one.kind for one in violations}
    moved = any(meter.beyond for key, meter in meters.items() if meter and key != "missing")
    missing = meters.get("missing")
    return Column(
        name=name or "the predictions",
        type=text(raw.get("type")),
        meters=tuple(meters.values()),
        violated=moved or bool(said) or bool(missing and missing.beyond),
        moved=moved or bool(said & _MOVED),
        shape=distribution_of(raw),
    )


def _meter(value: float | None, bound: float | None, scale: float) -> Meter | None:
    if value is None:
        return None
    length = max(value, 0.0) / scale * 100
    mark = None if bound is None else round(min(bound / scale * 100, 100.0), 2)
    return Meter(value=value, length=round(min(length, 100.0), 2), bound=bound, mark=mark, over=length > 100.001)


def _badness(column: Column) -> tuple[bool, float, float, str]:
    known = [meter for meter in column.meters if meter]
    times = max((meter.value / meter.bound for meter in known if meter.bound), default=0.0)
    return not column.violated, -times, -max((meter.value for meter in known), default=0.0), column.name


def _quality(found: Any) -> tuple[tuple[str, float], ...]:
    values = {name: number(mapping(one).get("value", one)) for name, one in mapping(found).items()}
    return tuple((name, value) for name, value in values.items() if value is not None)
