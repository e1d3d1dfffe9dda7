"""A column's distribution beside that of its baseline, as pairs of bars.

Every bin is as wide as any other: where they are quantiles of the baseline, a shift is what leaves its even line, and
no long tail hides it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 300, 96
"""Of the axes, in pixels."""
_MOST_BARS = 14
_MOST_CATEGORIES = 10
_LONGEST = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two bars of a bin or a category: left edges, heights, shares; `label` names it in words."""

    x: float
    before: float
    now: float
    before_share: float
    now_share: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A word below the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Pairs of bars, `bar` pixels wide each; `top` is the share at the axis's upper end."""

    pairs: tuple[Pair, ...]
    ticks: tuple[Tick, ...]
    bar: float
    top: float
    tilted: bool


def distribution_of(raw: Mapping[str, Any]) -> Distribution | None:
    """Return what is drawn of a column of a monitor's file; None where it has no counts that belong together."""
    baseline, current = raw.get("baseline"), raw.get("current")
    if not isinstance(baseline, dict) or not isinstance(current, dict):
        return None
    before, now = _counts(baseline.get("counts")), _counts(current.get("counts"))
    if not before or len(before) != len(now):
        return None
    if isinstance(names := baseline.get("categories"), list) and len(names) == len(before):
        return _categorical([str(name)[:200] for name in names], before, now)
    edges = baseline.get("bins")
    return _numerical(_edges(edges, len(before)), before, now)


def _counts(found: Any) -> list[float]:
    if not isinstance(found, list) or len(found) > 100_000:
        return []
    good = all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e18 for n in found)
    return [float(n) for n in found] if good else []


def _edges(found: Any, count: int) -> list[float] | None:
    """Return the edges between and around the bins; None where they aren't that many numbers.

    Edges may be the inner ones alone: what is outside has bins of its own then.
    """
    if not isinstance(found, list) or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in found):
        return None
    if len(found) == count + 1:
        return [float(n) for n in found]
    return [-math.inf, *map(float, found), math.inf] if len(found) == count - 1 else None


def _numerical(edges: list[float] | None, before: list[float], now: list[float]) -> Distribution:
    together = -(-len(before) // _MOST_BARS)
    if together > 1:
        before, now = _joined(before, together), _joined(now, together)
        edges = [*edges[:-1:together], edges[-1]] if edges else None
    spans = list(zip(edges, edges[1:], strict=False)) if edges else [(math.nan, math.nan)] * len(before)
    labels = [_span(*span) for span in spans]
    slot = WIDTH / len(before)
    inner = list(enumerate(edges))[1:-1] if edges else []
    every = max(-(-len(inner) // 5), 1)
    ticks = tuple(Tick(x=round(index * slot, 1), text=_short(edge)) for index, edge in inner[every // 2 :: every])
    return _drawn(labels, before, now, ticks, tilted=False)


def _joined(counts: Sequence[float], together: int) -> list[float]:
    return [sum(counts[start : start + together]) for start in range(0, len(counts), together)]


def _categorical(names: list[str], before: list[float], now: list[float]) -> Distribution:
    """Return the most frequent categories, by their share in either; the others are one bar."""
    share_before, share_now = (sum(before) or 1.0), (sum(now) or 1.0)
    rows = sorted(zip(names, before, now, strict=True), key=lambda row: -max(row[1] / share_before, row[2] / share_now))
    shown, rest = rows[:_MOST_CATEGORIES], rows[_MOST_CATEGORIES:]
    shown.sort(key=lambda row: -row[1])
    if rest:
        shown.append((f"{len(rest)} others", sum(row[1] for row in rest), sum(row[2] for row in rest)))
    slot = WIDTH / len(shown)
    tilted = any(len(name) * 6.2 > slot for name, _, _ in shown)
    ticks = tuple(Tick(x=round((i + 0.5) * slot, 1), text=_cut(name)) for i, (name, _, _) in enumerate(shown))
    return _drawn([row[0] for row in shown], [row[1] for row in shown], [row[2] for row in shown], ticks, tilted=tilted)


def _drawn(
    labels: Sequence[str], before: Sequence[float], now: Sequence[float], ticks: tuple[Tick, ...], *, tilted: bool
) -> Distribution:
    shares = [(a / (sum(before) or 1.0), b / (sum(now) or 1.0)) for a, b in zip(before, now, strict=True)]
    top = _round_up(max(max(pair) for pair in shares))
    slot = WIDTH / len(shares)
    bar = min(slot * 0.4, 26.0)
    pairs = tuple(
        Pair(
            x=round(index * slot + slot / 2 - bar, 2),
            before=round(a / top * HEIGHT, 2),
            now=round(b / top * HEIGHT, 2),
            before_share=a,
            now_share=b,
            label=label,
        )
        for index, ((a, b), label) in enumerate(zip(shares, labels, strict=True))
    )
    return Distribution(pairs=pairs, ticks=ticks, bar=round(bar, 2), top=top, tilted=tilted)


def _round_up(share: float) -> float:
    return next((step for step in (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8) if share <= step), 1.0)


def _span(low: float, high: float) -> str:
    if math.isnan(low):
        return ""
    if math.isinf(low):
        return f"below {_short(high)}"
    return f"from {_short(low)}" if math.isinf(high) else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 100_000 else f"{value:.2g}"


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
