"""Drift by column over time: of each day's monitor file no more than the statistics of each column, remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.collector import without_collector
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Target
from pipeline_builder.views.drift import STATISTICS, mapping, number

MOST_READ = 120
"""Files that are read for one page: others are read for the next one."""
_MOST_COLUMNS = 2000
_MOST_NAME = 200
PREDICTIONS = "the predictions"

Values = Mapping[str, Mapping[str, float]]
"""The values of each statistic, by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDrift:
    """What a day's monitor has found: of each statistic the value of every column, and the bound of all, or its own.

    `fault` says why it can't be told.
    """

    values: Values
    bounds: Mapping[str, float]
    own: Values
    fault: str = ""

    def bound(self, statistic: str, column: str) -> float | None:
        """Return what a column's statistic may be at most; None where it has no bound."""
        return self.own.get(statistic, {}).get(column, self.bounds.get(statistic))


def parse_drift(content: Any) -> DayDrift:
    """Return what a monitor's file says of columns; whatever isn't of the shape is left out."""
    found = mapping(content)
    raw = dict(list(mapping(found.get("columns")).items())[:_MOST_COLUMNS])
    columns = {inert_line(str(name), _MOST_NAME): mapping(column) for name, column in raw.items()}
    if predictions := mapping(found.get("predictions")):
        columns[PREDICTIONS] = predictions
    shared = {name: number(value) for name, value in mapping(found.get("bounds")).items()}
    return DayDrift(
        values=_by_statistic(columns),
        bounds={name: value for name, value in shared.items() if value is not None and name in STATISTICS},
        own=_by_statistic({name: own for name, raw in columns.items() if (own := mapping(raw.get("bounds")))}),
    )


def _by_statistic(columns: Mapping[str, Mapping[str, Any]]) -> Values:
    """Return the numbers of columns by statistic; in one go, as a year of days has some hundred thousand."""
    found: dict[str, dict[str, float]] = {}
    for column, raw in columns.items():
        for name, value in raw.items():
            if name in STATISTICS and (known := number(value)) is not None:
                found.setdefault(name, {})[column] = known
    return {name: found[name] for name in STATISTICS if name in found}


def read_drift(uri: str, target: Target) -> DayDrift:
    """Return what a day's monitor has found, out of its file."""
    empty: Values = {}
    try:
        return parse_drift(from_json(target.store.get(uri)))
    except KeyError:
        return DayDrift(values=empty, bounds={}, own=empty, fault="its monitor's file is gone")
    except (ValueError, RecursionError):
        return DayDrift(values=empty, bounds={}, own=empty, fault="its monitor's file is no JSON")
    except PipelineBuilderError as error:
        return DayDrift(values=empty, bounds={}, own=empty, fault=error.problems[0].message)


def read_missing(known: dict[str, DayDrift], uris: Sequence[str], target: Target) -> int:
    """Read the newest files that aren't known yet into what is, no more than a page waits for; return what is left.

    A monitor's file is of one execution, and isn't written again: what was read stays true.
    """
    wanted = [uri for uri in dict.fromkeys(reversed(uris)) if uri not in known]
    read = wanted[:MOST_READ]
    if not read:
        return 0
    with without_collector():  # which would go through all that is kept again and again: a third of the time
        # Here a file is read in less time than threads take each other; on AWS they wait for the network.
        found = (
            [read_drift(uri, target) for uri in read]
            if target.name == "local"
            else at_once(lambda uri: read_drift(uri, target), read)
        )
    known |= zip(read, found, strict=True)
    return len(wanted) - len(read)


def statistics_of(drifts: Sequence[DayDrift]) -> tuple[str, ...]:
    """Return the statistics that any day has, those with a bound first."""
    there = [name for name in STATISTICS if any(name in one.values for one in drifts)]
    bounded = [name for name in there if any(name in one.bounds or name in one.own for one in drifts)]
    return (*bounded, *(name for name in there if name not in bounded))


def rank_columns(drifts: Sequence[DayDrift], statistic: str) -> tuple[str, ...]:
    """Return the columns, those first that were the furthest beyond their bound on any of the days, then by value."""
    values, times = _greatest(drifts, statistic)
    return tuple(sorted(values, key=lambda column: (-times.get(column, 0.0), -values[column], column)))


def _greatest(drifts: Sequence[DayDrift], statistic: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the greatest value of each column, and how many times its bound that was at most.

    Days with one bound for all columns, as nearly all are, are gone through once for both: a year of three hundred
    columns is a hundred thousand values.
    """
    values: dict[str, float] = {}
    times: dict[str, float] = {}

    def note(column: str, value: float, bound: float | None) -> None:
        values[column] = max(value, values.get(column, value))
        times[column] = max(value / bound if bound else 0.0, times.get(column, 0.0))

    for shared, days in _by_bound(drifts, statistic).items():
        most: dict[str, float] = {}
        for day in days:
            own = day.own.get(statistic, {})
            for column, value in day.values.get(statistic, {}).items():
                if own and column in own:
                    note(column, value, own[column])
                elif column not in most or value > most[column]:
                    most[column] = value
        for column, value in most.items():
            note(column, value, shared)
    return values, times


def _by_bound(drifts: Sequence[DayDrift], statistic: str) -> dict[float | None, list[DayDrift]]:
    found: dict[float | None, list[DayDrift]] = {}
    for one in drifts:
        found.setdefault(one.bounds.get(statistic), []).append(one)
    return found
