"""The ranges of a tuning, and values in them: all combinations, or drawn at random."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.trials import CONFIG

Values = dict[str, str]
_TRIES = 100
_WIDE = 1000.0
"""From which ratio of its ends on a positive range is taken logarithmically, where its scale is Auto."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a hyperparameter may be: one of its values, or a number from `low` to `high` on a scale."""

    name: str
    kind: Literal["integer", "continuous", "categorical"]
    low: float = 0.0
    high: float = 0.0
    scale: str = "Auto"
    values: tuple[str, ...] = ()

    @property
    def logarithmic(self) -> bool:
        """Whether ratios count and not differences."""
        wide = self.scale == "Auto" and self.low > 0 and self.high / self.low >= _WIDE
        return self.scale == "Logarithmic" or wide

    def at(self, share: float) -> str:
        """Return the value at a share (0 to 1) of the range."""
        if self.kind == "categorical":
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        low, high = (self.low - 0.5, self.high + 0.5) if self.kind == "integer" else (self.low, self.high)
        if self.scale == "ReverseLogarithmic":
            value = 1.0 - math.exp(math.log1p(-low) + share * (math.log1p(-high) - math.log1p(-low)))
        elif self.logarithmic:
            low = max(low, self.low * 0.5) if self.kind == "integer" else low
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return self.text(value)

    def text(self, value: float) -> str:
        """Return a number of the range as a hyperparameter."""
        bounded = min(max(value, self.low), self.high)
        return str(min(max(round(value), int(self.low)), int(self.high))) if self.kind == "integer" else repr(bounded)


def ranges_of(request: Request) -> tuple[Range, ...]:
    """Return the ranges of a tuning, in the order of their kinds and places."""
    given: Mapping[str, Any] = (request.get(CONFIG) or {}).get("ParameterRanges") or {}
    found = [
        Range(
            name=str(item["Name"]),
            kind=kind,
            low=float(item["MinValue"]),
            high=float(item["MaxValue"]),
            scale=str(item.get("ScalingType") or "Auto"),
        )
        for kind, member in _NUMBERS
        for item in given.get(member) or ()
    ]
    categories = given.get("CategoricalParameterRanges") or ()
    found += [Range(name=str(c["Name"]), kind="categorical", values=tuple(map(str, c["Values"]))) for c in categories]
    return tuple(found)


_NUMBERS: tuple[tuple[Literal["integer", "continuous"], str], ...] = (
    ("integer", "IntegerParameterRanges"),
    ("continuous", "ContinuousParameterRanges"),
)


def grid(ranges: Sequence[Range]) -> Iterator[Values]:
    """Yield every combination of categories, the last one changing first."""
    names = [given.name for given in ranges]
    for values in itertools.product(*(given.values for given in ranges)):
        yield dict(zip(names, values, strict=True))


def drawn(ranges: Sequence[Range], seed: str) -> Iterator[Values]:
    """Yield values drawn at random, without end: the same for the same seed, none twice while there are new ones."""
    source = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    seen: set[tuple[str, ...]] = set()
    while True:
        for _ in range(_TRIES):
            values = {given.name: given.at(source.random()) for given in ranges}
            if tuple(values.values()) not in seen:
                break
        seen.add(tuple(values.values()))
        yield values
