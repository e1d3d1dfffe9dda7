"""A model of a run as it is looked at: its numbers beside the champion's, its matrix, its curves."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_builder.release.metrics import Compared, Confusion, Curve, compare_metrics, find_confusion, find_curves
from pipeline_builder.release.record import PackageRecord
from pipeline_builder.views.bounds import MOST_LABELS, MOST_METRICS, MOST_POINTS, corner

PLOT = 205
"""Width and height of a curve's axes, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A curve as SVG coordinates; `champion` is the other model's line, empty where there is none."""

    curve: Curve
    line: str
    area: str
    champion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model package with what is drawn of its metrics."""

    package: PackageRecord
    compared: tuple[Compared, ...]
    compared_left: int
    confusion: Confusion | None
    labels_left: int
    plots: tuple[Plot, ...]


def model_view(package: PackageRecord) -> ModelView:
    """Return what is shown of a model package."""
    champions = {curve.name: curve for curve in find_curves(package.champion_metrics)}
    compared = compare_metrics(package.metrics, package.champion_metrics)
    confusion = find_confusion(package.metrics)
    return ModelView(
        package=package,
        compared=compared[:MOST_METRICS],
        compared_left=max(len(compared) - MOST_METRICS, 0),
        confusion=confusion and corner(confusion),
        labels_left=max(len(confusion.labels) - MOST_LABELS, 0) if confusion else 0,
        plots=tuple(_plot(curve, champions.get(curve.name)) for curve in find_curves(package.metrics)),
    )


def _plot(curve: Curve, champion: Curve | None) -> Plot:
    line = _line(curve)
    start, end = curve.points[0][0] * PLOT, curve.points[-1][0] * PLOT
    return Plot(
        curve=curve,
        line=line,
        area=f"M{start:.1f} {PLOT} L{line[1:]} L{end:.1f} {PLOT} Z",
        champion=_line(champion) if champion else "",
    )


def _line(curve: Curve) -> str:
    """Return a curve as a path; of very many points every so many are enough for a drawing, and the last."""
    every = -(-len(curve.points) // MOST_POINTS)
    chosen = (*curve.points[:-1:every], curve.points[-1])
    return "M" + " L".join(f"{x * PLOT:.1f} {(1 - y) * PLOT:.1f}" for x, y in chosen)
