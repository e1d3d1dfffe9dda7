"""Prices: what AWS asks for, with where and when it was seen (`prices.yaml`), and what a Region asks instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.errors import InputProblems, Problem

HOME = "us-east-1"
_FILE = Path(__file__).parent / "prices.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD by name for a Region. `own` were found to be that Region's, `given` the caller's; the others are HOME's."""

    region: str
    seen: str
    usd: Mapping[str, float]
    of: Mapping[str, str]
    sources: Mapping[str, str]
    own: frozenset[str]
    given: frozenset[str] = frozenset()

    def borrowed(self, name: str) -> bool:
        """Tell whether a price is that of another Region, as this one's wasn't found."""
        return name not in self.own | self.given


def load_prices(region: str, given: Mapping[str, float] | None = None) -> Prices:
    """Return the prices of a Region; `given` ones stand instead of those that are known.

    Raises:
        InputProblems: PB638 for a name that is none.
    """
    data = load_yaml(_FILE, _FILE.name, "PB638").data
    assert isinstance(data, dict)
    entries, regions, compared = data["prices"], data["regions"], data["compared"]
    assert isinstance(entries, dict)
    assert isinstance(regions, dict)
    assert isinstance(compared, list)
    if unknown := [name for name in given or {} if name not in entries]:
        hint = did_you_mean(unknown[0], entries) or f"expected one of {', '.join(entries)}"
        raise InputProblems(Problem(id="PB638", message=f"there is no price '{unknown[0]}'", hint=hint))
    others = regions.get(region) or {}
    assert isinstance(others, dict)
    usd = {name: float(entry["usd"]) for name, entry in entries.items()}  # type: ignore[arg-type,call-overload,index]
    usd |= {name: float(price) for name, price in others.items()}  # type: ignore[arg-type]
    return Prices(
        region=region,
        seen=str(data["seen"]),
        usd=usd | dict(given or {}),
        of={name: str(entry["of"]) for name, entry in entries.items()},  # type: ignore[call-overload,index]
        sources={name: str(entry["source"]) for name, entry in entries.items()},  # type: ignore[call-overload,index]
        own=frozenset(entries) if region == HOME else frozenset(map(str, compared)) | frozenset(others),
        given=frozenset(given or {}),
    )
