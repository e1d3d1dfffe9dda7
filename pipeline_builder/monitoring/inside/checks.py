"""What a day's data are held against, and what of it is violated: each with the value, the bound and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .chance import is_chance
from .columns import CATEGORICAL, NUMERICAL, Column
from .distribution import Distribution

DEFAULTS: dict[str, float] = {"missing": 0.05, "range": 0.01, "category": 0.0, "type": 0.0}
STATISTICS = ("psi", "ks", "js", "wasserstein", "chi2")
_MOST_NAMED = 5
# Of the baseline's range: how far outside of it the next value of the same distribution may be.
_NEAR = 0.1


def violation(kind: str, message: str, **about: Any) -> dict[str, Any]:
    """Return one entry of the report's list."""
    return {"kind": kind, "column": "", "statistic": "", "value": None, "bound": None, **about, "message": message}


def named(names: list[str]) -> str:
    """Return the first of them, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_MOST_NAMED]) + more


class Bounds:
    """The bounds of all columns, and those that single ones have of their own."""

    def __init__(self, settings: dict[str, Any]) -> None:
        drift = settings.get("drift") or {}
        self.share = drift.get("share")
        own = {key: settings[key] for key in DEFAULTS if settings.get(key) is not None}
        self.all: dict[str, float] = {
            **DEFAULTS,
            **own,
            **{key: drift[key] for key in STATISTICS if drift.get(key) is not None},
        }
        self.columns: dict[str, dict[str, Any]] = settings.get("columns") or {}

    def of(self, column: str) -> dict[str, float]:
        """Return the bounds of a column."""
        return {**self.all, **self.own(column)}

    def own(self, column: str) -> dict[str, float]:
        """Return those that it has of its own."""
        found = self.columns.get(column) or {}
        keys = (*DEFAULTS, *STATISTICS, "min", "max")
        return {key: found[key] for key in keys if found.get(key) is not None}


def check_column(
    baseline: Distribution, current: Distribution, found: dict[str, Any], bounds: dict[str, float]
) -> Iterator[dict[str, Any]]:
    """Yield what a column violates; `found` are its statistics."""
    yield from _missing(baseline, current, bounds)
    if not current.present:
        return
    yield from _types(baseline, current, bounds)
    yield from _range(baseline, current, bounds)
    yield from _categories(baseline, current, bounds)
    if found.get("judged", True):
        yield from drifted(baseline.name, found, bounds)


def _missing(baseline: Distribution, current: Distribution, bounds: dict[str, float]) -> Iterator[dict[str, Any]]:
    if not baseline.rows:
        return  # nothing is known of it
    value, usual = current.missing_share, baseline.missing_share
    bound = min(1.0, usual + bounds["missing"])
    if value > bound or (value == 1.0 and usual < 1.0):
        message = f"'{baseline.name}': {_percent(value)} of its values are missing, {_percent(usual)} in the baseline"
        yield violation("missing", message, column=baseline.name, statistic="missing", value=value, bound=bound)


def check_predictions(
    baseline: Distribution | None, current: Distribution, bounds: dict[str, float]
) -> Iterator[dict[str, Any]]:
    """Yield in which way predictions are none: missing, infinite, or texts where those of the baseline are numbers."""
    value, usual = current.missing_share, baseline.missing_share if baseline else 0.0
    bound = min(1.0, usual + bounds["missing"])
    if value > bound or (value == 1.0 and usual < 1.0):
        message = f"{_percent(value)} of the predictions are missing, {_percent(usual)} were to be expected"
        yield violation("missing", message, column=current.name, statistic="missing", value=value, bound=bound)
    if current.infinite and not (baseline and baseline.infinite):
        message, value = f"{current.infinite} of the predictions are infinite", current.infinite / current.present
        yield violation("range", message, column=current.name, statistic="range", value=value, bound=0.0)
    if baseline and current.present:
        yield from _types(baseline, current, bounds)


def _types(baseline: Distribution, current: Distribution, bounds: dict[str, float]) -> Iterator[dict[str, Any]]:
    if baseline.type != NUMERICAL:
        return
    value, bound = current.mistyped_share, baseline.mistyped_share + bounds["type"]
    if value > bound:
        message = f"'{baseline.name}': {_percent(value)} of its values are no numbers, as they are in the baseline"
        yield violation("type", message, column=baseline.name, statistic="type", value=value, bound=bound)


def _range(baseline: Distribution, current: Distribution, bounds: dict[str, float]) -> Iterator[dict[str, Any]]:
    if baseline.type != NUMERICAL or not baseline.numbers:
        return
    about = {"column": baseline.name, "statistic": "range"}
    if current.infinite and not baseline.infinite:
        message = f"'{baseline.name}': {current.infinite} of its values are infinite, none is in the baseline"
        yield violation("range", message, **about, value=current.infinite / current.present, bound=0.0)
    low, high = bounds.get("min", baseline.least), bounds.get("max", baseline.most)
    if not current.numbers or (current.least >= low and current.most <= high):
        return
    outside, bound = _outside(current, low, high), bounds["range"]
    value = outside / current.present
    if value > bound and not _may_be_chance(baseline, current, bounds):
        message = (
            f"'{baseline.name}': {_percent(value)} of its values are outside of {low:.6g} to {high:.6g}, "
            f"they are from {current.least:.6g} to {current.most:.6g}"
        )
        yield violation("range", message, **about, value=value, bound=bound)


def _outside(current: Distribution, low: float, high: float) -> float:
    values, weights = current.weighted
    return float(weights[(values < low) | (values > high)].sum())


def _may_be_chance(baseline: Distribution, current: Distribution, bounds: dict[str, float]) -> bool:
    """Tell whether values are only so far outside, and so few, that another baseline might have had them."""
    if {"min", "max"} & bounds.keys():
        return False
    low, high = baseline.least, baseline.most
    near = _NEAR * (high - low)
    if _outside(current, low - near, high + near) > bounds["range"] * current.present:
        return False
    return is_chance(round(_outside(current, low, high)), current.numbers, baseline.present)


def _categories(baseline: Distribution, current: Distribution, bounds: dict[str, float]) -> Iterator[dict[str, Any]]:
    if baseline.type != CATEGORICAL or not baseline.is_complete or not baseline.categories:
        return
    if not current.is_complete:
        message = (
            f"'{baseline.name}': its values are too many to be categories, the baseline has {len(baseline.categories)}"
        )
        yield violation(
            "category", message, column=baseline.name, statistic="category", value=1.0, bound=bounds["category"]
        )
        return
    new = {name: count for name, count in current.categories.items() if name not in baseline.categories}
    value = sum(new.values()) / current.present
    if value > bounds["category"]:
        shown = named(sorted(new, key=lambda name: (-new[name], name)))
        share = _percent(value)
        message = f"'{baseline.name}': {share} of its values are of categories the baseline hasn't got: {shown}"
        yield violation(
            "category", message, column=baseline.name, statistic="category", value=value, bound=bounds["category"]
        )


def drifted(name: str, found: dict[str, Any], bounds: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Yield the statistics that are over their bounds."""
    for statistic in STATISTICS:
        value, bound = found.get(statistic), bounds.get(statistic)
        if value is not None and bound is not None and value > bound:
            shown = "{} is {}, more than {}".format(statistic, *told_apart(value, bound))
            yield violation(
                "drift", f"'{name}' has drifted: {shown}", column=name, statistic=statistic, value=value, bound=bound
            )


def check_schema(
    baseline: dict[str, Distribution], current: dict[str, Column], expected_without: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Yield each column that is gone, and each that the baseline hasn't got."""
    gone = [name for name in baseline if name not in current]
    new = [name for name in current if name not in baseline and name not in expected_without]
    if gone and len(gone) == len(baseline) and all(name == f"_c{at}" for at, name in enumerate(current)):
        message = f"the data have {len(current)} columns without names, and the baseline has {len(baseline)}"
        yield violation("schema", message, statistic="columns", value=len(current), bound=len(baseline))
        return
    for name in gone:
        yield violation("schema", f"the column '{name}' is gone", column=name, statistic="gone", value=0, bound=1)
    for name in new:
        message = f"the column '{name}' is new: the baseline hasn't got it"
        yield violation("schema", message, column=name, statistic="new", value=1, bound=0)


def check_rows(rows: int, predictions: int | None, unread: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with the numbers of rows, and each file that couldn't be read."""
    for words in unread:
        yield unreadable("schema", words)
    if unread:
        return  # how many rows there are isn't known
    if not rows:
        yield violation("rows", "the input has no rows", statistic="input", value=0, bound=1)
    if predictions is not None and predictions < rows:
        message = f"{predictions} predictions for {rows} rows: {rows - predictions} are missing"
        yield violation("rows", message, statistic="predictions", value=predictions, bound=rows)
    elif predictions is not None and predictions > rows:
        message = f"{predictions} predictions for {rows} rows: {predictions - rows} are too many"
        yield violation("rows", message, statistic="predictions", value=predictions, bound=rows)


def unreadable(kind: str, words: str) -> dict[str, Any]:
    """Return the violation by a file, or by all of them together, of which words say why it can't be read."""
    message = f"the file {words}" if words.startswith("'") else words
    return violation(kind, message, statistic="unreadable", value=1, bound=0)


def told_apart(value: float, bound: float) -> tuple[str, str]:
    """Return a number and its bound with four digits, and with all of them where they would look like the same."""
    texts = f"{value:.4g}", f"{bound:.4g}"
    return (repr(float(value)), repr(float(bound))) if value != bound and texts[0] == texts[1] else texts


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
