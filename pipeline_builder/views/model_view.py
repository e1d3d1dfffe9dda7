"""A model of a run as it is looked at: its numbers beside the champion's and within their bounds, and what is drawn.

A model that the gate has blocked is looked at as any other, also one that was never registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.gate import regression_edge
from pipeline_builder.release.metrics import Compared, compare_metrics, find_confusion, find_curves, short_name
from pipeline_builder.release.promote import is_decidable, may_be_approved
from pipeline_builder.release.record import BlockedRecord, PackageRecord, RunRecord
from pipeline_builder.release.regressions import find_predicted, find_quantiles, find_residuals
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.views.bounds import MOST_METRICS

if TYPE_CHECKING:  # the terminal has numbers, and no drawings
    from pipeline_builder.views.plots.lines import Bound

Found = PackageRecord | BlockedRecord
_MOST_METERS = 40
_MOST_OPEN = 3
"""Models of many that a reader sees at once; the summary has them all."""
MOST_DRAWN, _FEW_ROWS = 12, 4
"""Models of which all is drawn, and numbers of those that come after them."""
_TONES = ("bad", "wait", "idle", "good")
_WORDS = {
    Standing.WAITING: ("Not judged", "idle"), Standing.APPROVED: ("Approved", "good"),
    Standing.REJECTED: ("Rejected", "bad"),
    Standing.UNSIGNED: ("Approved by nobody", "bad"), Standing.ROLLED_BACK: ("Rolled back", "bad"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """A number of the report: the champion's beside it, its bounds, and whether it keeps them.

    `better` is None where nobody has said which way is the better one. `meter` is its drawing among the bounds.
    """

    path: str
    candidate: float | None
    champion: float | None
    difference: float | None
    better: bool | None
    bounds: tuple[Bound, ...]
    kept: bool | None
    meter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing under its name."""

    name: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model with all that is shown of it; `version` is 0 of one that was never registered.

    `open` says that a reader has to see it at once: it waits, was blocked, or can't be judged. `fault` says why there
    are no numbers, or not all. `first` is the number that a summary names. `confusion` is a table.
    """

    model: str
    group: str
    version: int
    word: str
    tone: str
    open: bool
    package: PackageRecord | None
    description: str
    champion_version: int
    champion_note: str
    rows: tuple[MetricRow, ...]
    rows_left: int
    first: tuple[MetricRow, ...]
    fault: str
    confusion: str
    figures: tuple[Figure, ...]
    reasons: tuple[str, ...]

    @property
    def wide(self) -> bool:
        """Tell whether the numbers need the whole width, so that the drawings stand below them."""
        crowded = self.champion_version > 0 and any(row.bounds for row in self.rows)
        return len(self.figures) > (1 if crowded else 2)

    @property
    def title(self) -> str:
        """What stands above it: the model, and its version in the registry, whose group can have another name."""
        of = "" if self.group == self.model else f": {self.group}"
        return f"{self.model}{of} version {self.version}" if self.version else self.model


def model_views(record: RunRecord) -> tuple[ModelView, ...]:
    """Return what is shown of each model: those first that a reader has something to do about.

    Of many all are in the summary, the first few are open, and the last ones have no drawings.
    """
    return tuple(_model(one, word, tone, index) for index, (one, word, tone) in enumerate(models_of(record)))


def models_of(record: RunRecord) -> list[tuple[Found, str, str]]:
    """Return the models of a run, each with the word and the tone of where it stands, in the order of the report."""
    found: list[tuple[Found, str, str]] = [(blocked, "Blocked", "bad") for blocked in record.blocked]
    found += [(package, *_word(record, package)) for package in record.packages]
    found.sort(key=lambda one: (not _to_see(*one[1:]), _TONES.index(one[2])))
    return found


def metric_rows(found: Found, *, drawn: int = 0) -> tuple[MetricRow, ...]:
    """Return a model's numbers, those with bounds first; of the first ones there is a drawing."""
    compared = compare_metrics(found.metrics, found.champion_metrics)
    limits = _limits(found.bounds, compared)
    shown = sorted(compared, key=lambda one: one.path not in limits)
    return tuple(_row(one, limits, found.bounds, drawn=number < drawn) for number, one in enumerate(shown))


def _to_see(word: str, tone: str) -> bool:
    return tone in ("wait", "bad") and word != "Rejected"


def _model(found: Found, word: str, tone: str, index: int) -> ModelView:
    package = found if isinstance(found, PackageRecord) else None
    most = MOST_METRICS if index < MOST_DRAWN else _FEW_ROWS
    drawn = _MOST_METERS if index < MOST_DRAWN else 0
    rows = metric_rows(found, drawn=drawn)
    return ModelView(
        model=found.model,
        group=found.group,
        version=package.version if package else 0,
        word=word,
        tone=tone,
        open=_to_see(word, tone) and index < _MOST_OPEN,
        package=package,
        description=package.approval_description if package else "",
        champion_version=found.champion_version,
        champion_note=package.champion_note if package else "",
        rows=rows[:most],
        rows_left=max(len(rows) - most, 0),
        first=rows[:2],
        fault=found.metrics_fault,
        confusion=_confusion(found) if drawn else "",
        figures=tuple(_figures(found)) if drawn else (),
        reasons=_reasons(found),
    )


def _confusion(found: Found) -> str:
    from pipeline_builder.views.plots.matrix import confusion_table

    matrix = find_confusion(found.metrics)
    return confusion_table(matrix, find_confusion(found.champion_metrics)) if matrix else ""


def _reasons(found: Found) -> tuple[str, ...]:
    if isinstance(found, BlockedRecord):
        return (found.reason,) if found.reason else ()
    return found.verdict.reasons if found.verdict else ()


def _word(record: RunRecord, package: PackageRecord) -> tuple[str, str]:
    """Return in a word where a package stands, and its tone."""
    if may_be_approved(record, package):
        return "Waits for your decision", "wait"
    if not is_decidable(record, package):
        return ("Blocked", "bad") if package.verdict or record.verdict else ("Not judged", "wait")
    return _WORDS[standing(package)]


def _limits(bounds: Sequence[BoundEvidence], compared: Sequence[Compared]) -> Mapping[str, tuple[Bound, ...]]:
    """Return the bounds by the name that a reader knows a number by, what a regression may be among them."""
    if not bounds:
        return {}
    from pipeline_builder.views.plots.lines import Bound

    champions = {one.path: one.champion for one in compared}
    found: dict[str, list[Bound]] = {}
    for bound in bounds:
        name = short_name(bound.metric)
        limits = found.setdefault(name, [])
        limits += [Bound(value=float(bound.min), kind="min")] if isinstance(bound.min, float | int) else []
        limits += [Bound(value=float(bound.max), kind="max")] if isinstance(bound.max, float | int) else []
        before = champions.get(name)
        if bound.max_regression is not None and before is not None:
            better = bound.higher_is_better
            edge = regression_edge(before, bound.max_regression, higher_is_better=better)
            words = f"{bound.max_regression} worse than the champion"
            limits.append(Bound(value=edge, kind="min" if better else "max", note=words))
    return {name: tuple(limits) for name, limits in found.items()}


def _row(
    one: Compared, limits: Mapping[str, tuple[Bound, ...]], bounds: Sequence[BoundEvidence], *, drawn: bool
) -> MetricRow:
    own, value = limits.get(one.path, ()), one.candidate
    ways = {bound.higher_is_better for bound in bounds if short_name(bound.metric) == one.path}
    better = None
    if len(ways) == 1 and one.difference:
        better = (one.difference > 0) is ways.pop()
    return MetricRow(
        path=one.path,
        candidate=value,
        champion=one.champion,
        difference=one.difference,
        better=better,
        bounds=own,
        kept=all(bound.kept(value) for bound in own) if own and value is not None else None,
        meter=_meter(one, own) if drawn else "",
    )


def _meter(one: Compared, bounds: tuple[Bound, ...]) -> str:
    if not bounds or one.candidate is None:
        return ""
    from pipeline_builder.views.plots.meters import meter_plot

    return meter_plot(one.path, one.candidate, one.champion, bounds)


def _figures(found: Found) -> Iterator[Figure]:
    """Yield what can be drawn of a report, the champion's beside it."""
    from pipeline_builder.views.plots.curves import curve_plot
    from pipeline_builder.views.plots.regression import quantiles_plot, residuals_plot, scatter_plot

    metrics, champion = found.metrics, found.champion_metrics
    named = f"version {found.champion_version} (champion)"
    before = {curve.name: curve for curve in find_curves(champion)}
    for curve in find_curves(metrics):
        lines = [("this version", curve), *([(named, before[curve.name])] if curve.name in before else [])]
        yield Figure(name=curve.name, svg=curve_plot(lines, chance=curve.name == "ROC curve"))
    drawn = (
        ("Predicted and actual", scatter_plot(find_predicted(metrics))),
        ("Residuals", residuals_plot(find_residuals(metrics), find_residuals(champion))),
        ("Absolute error", quantiles_plot(find_quantiles(metrics), find_quantiles(champion))),
    )
    yield from (Figure(name=name, svg=svg) for name, svg in drawn if svg)
