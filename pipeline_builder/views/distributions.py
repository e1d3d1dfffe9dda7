"""A column's distribution beside that of its baseline, as pairs of bars.

Every bin is as wide as any other: where they are quantiles of the baseline, a shift is what leaves its even line, and
no long tail hides it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline_builder.release.metrics import number_of

WIDTH, HEIGHT = 300, 96
"""Of the axes, in pixels."""
_MOST_BARS = 14
_MOST_CATEGORIES = 10
_LETTER = 6.0
"""Pixels of a letter."""
_LONGEST = 9
"""Letters of a word that is tilted."""


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
    return _numerical(_edges(baseline.get("bins"), len(before)), before, now)


def _counts(found: Any) -> list[float]:
    if not isinstance(found, list) or len(found) > 100_000:
        return []
    good = all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e18 for n in found)
    return [float(n) for n in found] if good else []


def _edges(found: Any, count: int) -> list[float] | None:
    """Return the edges of so many bins, each with what is just its upper edge; None where there aren't that many.

    Outer edges that are no number are open.
    """
    if not isinstance(found, list) or len(found) != count + 1:
        return None
    low, *inner, high = map(number_of, found)
    known = [edge for edge in inner if edge is not None]
    if len(known) < len(inner):
        return None
    return [-math.inf if low is None else low, *known, math.inf if high is None else high]


def _numerical(edges: list[float] | None, before: list[float], now: list[float]) -> Distribution:
    if edges:
        edges, before, now = _without_empty_ends(edges, before, now)
    together = -(-len(before) // _MOST_BARS)
    if together > 1:
        before, now = _joined(before, together), _joined(now, together)
        edges = [*edges[:-1:together], edges[-1]] if edges else None
    if not edges:
        return _drawn([""] * len(before), before, now, (), tilted=False)
    labels = [_span(*span) for span in pairwise(edges)]
    return _drawn(labels, before, now, _ticks(edges), tilted=False)


def _without_empty_ends(
    edges: list[float], before: list[float], now: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Leave out open ends that nobody has ever been in."""
    first = 1 if len(before) > 1 and not (before[0] or now[0]) else 0
    last = -1 if len(before) > first + 1 and not (before[-1] or now[-1]) else None
    return edges[first:last], before[first:last], now[first:last]


def _ticks(edges: list[float]) -> tuple[Tick, ...]:
    """Return words below the axis: of counts what is in each bin, of all else where bins end."""
    slot = WIDTH / (len(edges) - 1)
    if words := _whole(edges):
        every = max(max(len(word) for word in words) * _LETTER // slot + 1, 1)
        return tuple(Tick(x=round((i + 0.5) * slot, 1), text=word) for i, word in enumerate(words) if i % every == 0)
    inner = list(enumerate(edges))[1:-1]
    every = max(-(-len(inner) // 5), 1)
    return tuple(Tick(x=round(index * slot, 1), text=_short(edge)) for index, edge in inner[int(every) // 2 :: every])


def _whole(edges: list[float]) -> list[str]:
    """Return the whole numbers that each bin has; nothing where they aren't about single ones."""
    if any(abs(edge) > 100_000 for edge in edges if math.isfinite(edge)):
        return []
    words, single = [], 0
    for low, high in pairwise(edges):
        if math.isinf(low) or math.isinf(high):
            words.append(f"≤{_short(high)}" if math.isinf(low) else f">{_short(low)}")
            continue
        first, last = math.floor(low) + 1, math.floor(high)
        single += first == last
        words.append(str(last) if first == last else f"{first}-{last}" if first < last else "")
    return words if single * 2 >= len(words) else []


def _joined(counts: Sequence[float], together: int) -> list[float]:
    return [sum(counts[start : start + together]) for start in range(0, len(counts), together)]


def _categorical(names: list[str], before: list[float], now: list[float]) -> Distribution:
    """Return the most frequent categories, by their share in either; the others are one bar."""
    share_before, share_now = (sum(before) or 1.0), (sum(now) or 1.0)
    rows = sorted(zip(names, before, now, strict=True), key=lambda row: -max(row[1] / share_before, row[2] / share_now))
    shown, rest = rows[:_MOST_CATEGORIES], rows[_MOST_CATEGORIES:]
    shown.sort(key=lambda row: -row[1])
    words = [name for name, _, _ in shown]
    if rest:
        shown.append((f"{len(rest)} others", sum(row[1] for row in rest), sum(row[2] for row in rest)))
        words.append(f"+{len(rest)}")
    slot = WIDTH / len(shown)
    room = int(slot / _LETTER)
    tilted = room < _LONGEST and any(len(word) > room for word in words)
    cut = [_cut(word, _LONGEST if tilted else room) for word in words]
    ticks = tuple(Tick(x=round((index + 0.5) * slot, 1), text=word) for index, word in enumerate(cut))
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
    if math.isinf(low):
        return f"at most {_short(high)}"
    return f"above {_short(low)}" if math.isinf(high) else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    if abs(value) < 1e-300:
        return "0"
    if 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 100_000 else f"{value:.2g}"


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
