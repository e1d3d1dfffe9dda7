"""Evaluation reports: their numbers by dotted path, candidate beside champion, and what can be drawn of them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_builder.dag.property_paths import PathError, spoken, value_at
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import inert_line, is_unicode

# What a report may be. Its bytes are bounded where it is read (`machine/streams.py`, MOST_READ: 8 MB).
MOST_LEVELS = 32
"""Mappings and lists in each other."""
MOST_NUMBERS = 10_000
"""Numbers with a name, of which each is a line of the report for people."""
MOST_VALUES = 200_000
"""Values in all: points of curves, cells of matrices, texts."""
MOST_NAME = 256
"""Characters of one name."""

# SageMaker's model-quality reports wrap each number as {"value": …, "standard_deviation": …} below one of these.
_WRAPPERS = (
    "binary_classification_metrics",
    "multiclass_classification_metrics",
    "regression_metrics",
)
_CURVES = ("receiver_operating_characteristic_curve", "precision_recall_curve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a report."""

    path: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A number of the candidate beside the champion's; None where one of them doesn't have it."""

    path: str
    candidate: float | None
    champion: float | None

    @property
    def difference(self) -> float | None:
        if self.candidate is None or self.champion is None:
            return None
        return self.candidate - self.champion


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A confusion matrix: `counts[i][j]` is how often what is `labels[i]` was taken for `labels[j]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points of a curve, both axes from 0 to 1."""

    name: str
    x_label: str
    y_label: str
    points: tuple[tuple[float, float], ...]


def parse_metrics(content: bytes | str, address: str) -> Any:
    """Return an evaluation report's JSON.

    Raises:
        ValueError: it is none.
        InputProblems: PB671 where it is larger or deeper than a report may be, has text that no file can hold, or a
            name twice.
    """
    try:
        report = json.loads(content, object_pairs_hook=once_each)
    except RepeatedError as error:
        raise _without_measure(address, [str(error)]) from None
    except RecursionError:
        raise _without_measure(address, [f"it has more than {MOST_LEVELS} levels"]) from None
    return check_metrics(report, address)


class RepeatedError(ValueError):
    """A mapping of a report has a name twice."""


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping of JSON whose names are each there once: which of two counts, every reader decides otherwise.

    Raises:
        RepeatedError: one isn't.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise RepeatedError(f"it has '{inert_line(name, MOST_NAME)}' twice in one mapping")
    return found


def check_metrics(report: Any, address: str) -> Any:
    """Return a report that has been read already.

    Raises:
        InputProblems: PB671, as `parse_metrics`.
    """
    if faults := list(dict.fromkeys(_faults(report))):
        raise _without_measure(address, faults)
    return report


def _without_measure(address: str, faults: list[str]) -> InputProblems:
    message = f"the evaluation report '{inert_line(address)}' can't be used: {', '.join(faults)}"
    hint = (
        f"a report has at most {MOST_LEVELS} levels, {MOST_NUMBERS:,} numbers with a name, {MOST_VALUES:,} values, "
        f"{MOST_NAME} characters in a name, no name twice, and text that is Unicode"
    )
    return InputProblems(Problem(id="PB671", message=message, hint=hint))


def _faults(report: Any) -> Iterator[str]:
    """Yield what a report has too much of; without recursion, and no longer than it has values."""
    waiting: list[tuple[Any, int]] = [(report, 1)]
    values = numbers = 0
    while waiting:
        value, level = waiting.pop()
        values += 1
        if isinstance(value, str) and not is_unicode(value):
            yield "it has text with half a character (a lone surrogate)"
        if not isinstance(value, dict | list):
            continue
        if level > MOST_LEVELS:
            yield f"it has more than {MOST_LEVELS} levels"
            return
        if isinstance(value, dict):
            yield from _name_faults(value)
            numbers += sum(number_of(item) is not None for item in value.values())
        waiting += [(item, level + 1) for item in (value.values() if isinstance(value, dict) else value)]
    if numbers > MOST_NUMBERS:
        yield f"it has {numbers:,} numbers with a name"
    if values > MOST_VALUES:
        yield f"it has {values:,} values"


def _name_faults(names: dict[str, Any]) -> Iterator[str]:
    if longest := max((len(name) for name in names if len(name) > MOST_NAME), default=0):
        yield f"it has a name of {longest:,} characters"
    if not all(map(is_unicode, names)):
        yield "it has a name with half a character (a lone surrogate)"


def flatten_metrics(report: Any) -> tuple[Metric, ...]:
    """Return every single number of a report by its path, curves and matrices left out.

    `binary_classification_metrics.auc.value` is called `auc`: the wrapper and `value` say nothing to a reader.
    """
    return tuple(Metric(path=inert_line(path), value=value) for path, value in _numbers(report, ""))


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        if "value" in value and number_of(value["value"]) is not None and set(value) <= {"value", "standard_deviation"}:
            yield path, float(value["value"])
            return
        for key, item in value.items():
            if key in (*_CURVES, "confusion_matrix"):
                continue
            yield from _numbers(item, path if key in _WRAPPERS and not path else f"{path}.{key}".lstrip("."))
    elif (number := number_of(value)) is not None and path:
        yield path, number


def number_of(value: Any) -> float | None:
    """Return a finite number as a float; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has whole numbers of any length
        return None
    return number if math.isfinite(number) else None


def metric_at(report: Any, path: str) -> float | None:
    """Return the number at a path such as `binary_classification_metrics.auc.value` or `folds[0].rmse`, or None."""
    try:
        return number_of(value_at(report, path))
    except PathError:
        return None


def why_none(report: Any, path: str) -> str:
    """Say why a report has no number at a path."""
    words = f"the report has no number '{inert_line(path)}'"
    if report is None:
        return words
    try:
        return f"{words}, there is {inert_line(json.dumps(value_at(report, path)), 40)}"
    except PathError as error:
        why = str(error).removeprefix(f"it has no '{path}': ")
        return f"{words}: {inert_line(why, 300)}"


def short_name(path: str) -> str:
    """Return what a number is called where a reader sees it: without wrapper and `value`."""
    path = (spoken(path) if path[:1] == "$" or "[" in path else path).removesuffix(".value")
    first, _, rest = path.partition(".")
    return inert_line(rest if first in _WRAPPERS and rest else path)


def told_apart(value: float, bound: float, digits: str = "g") -> tuple[str, str]:
    """Return a number and its bound with so many digits, and with all of them where they would look like the same."""
    texts = f"{value:{digits}}", f"{bound:g}"
    return (repr(value), repr(bound)) if value != bound and texts[0] == texts[1] else texts


_FIRST = ("auc", "f1", "accuracy", "balanced_accuracy", "r2", "rmse", "mae", "mse", "mape", "log_loss", "ndcg")
"""What people look at first where no gate says what counts: the first of these that a model has."""


def main_metric(names: Iterable[str], gated: Sequence[str] = ()) -> str:
    """Return the metric that stands for a model in one line: the first that the gate bounds, else a well-known one.

    Empty where there is none at all.
    """
    known = list(names)
    if bounded := [name for name in gated if name in known]:
        return bounded[0]
    by_name = {short_name(path).casefold(): path for path in reversed(known)}
    return next((by_name[name] for name in _FIRST if name in by_name), known[0] if known else "")


def compare_metrics(candidate: Any, champion: Any) -> tuple[Compared, ...]:
    """Return the candidate's numbers in their order, the champion's beside them, then what only the champion has."""
    new = {metric.path: metric.value for metric in flatten_metrics(candidate)}
    old = {metric.path: metric.value for metric in flatten_metrics(champion)}
    paths = (*new, *(path for path in old if path not in new))
    return tuple(Compared(path=path, candidate=new.get(path), champion=old.get(path)) for path in paths)


def find_confusion(report: Any) -> Confusion | None:
    """Return the report's confusion matrix; None where it has none that is complete."""
    matrix = find_named(report, "confusion_matrix")
    if not isinstance(matrix, dict) or not matrix:
        return None
    labels = tuple(matrix)
    rows = [matrix[label] for label in labels]
    if not all(
        isinstance(row, dict) and all(number_of(row.get(label)) is not None for label in labels) for row in rows
    ):
        return None
    return Confusion(
        labels=tuple(map(inert_line, labels)),
        counts=tuple(tuple(float(row[label]) for label in labels) for row in rows),
    )


def find_curves(report: Any) -> tuple[Curve, ...]:
    """Return the ROC and the precision-recall curve where the report has them."""
    wanted = (
        ("receiver_operating_characteristic_curve", "ROC curve", "false_positive_rates", "true_positive_rates",
         "false positive rate", "true positive rate"),
        ("precision_recall_curve", "Precision and recall", "recalls", "precisions", "recall", "precision"),
    )  # fmt: skip
    curves = []
    for key, name, x_key, y_key, x_label, y_label in wanted:
        found = find_named(report, key)
        points = _points(found.get(x_key), found.get(y_key)) if isinstance(found, dict) else ()
        if len(points) > 1:
            curves.append(Curve(name=name, x_label=x_label, y_label=y_label, points=points))
    return tuple(curves)


def _points(xs: Any, ys: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(xs, list) or not isinstance(ys, list):
        return ()
    pairs = ((number_of(x), number_of(y)) for x, y in zip(xs, ys, strict=False))
    return tuple((x, y) for x, y in pairs if x is not None and y is not None and 0 <= x <= 1 and 0 <= y <= 1)


def find_named(report: Any, key: str) -> Any:
    """Return the value of a key at the top of a report or one level below."""
    if not isinstance(report, dict):
        return None
    if key in report:
        return report[key]
    return next((value[key] for value in report.values() if isinstance(value, dict) and key in value), None)
