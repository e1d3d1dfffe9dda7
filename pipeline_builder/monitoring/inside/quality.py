"""How good predictions were, once the truth is there: scikit-learn's metrics."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pandas as pd

from .answers import Answers
from .columns import category
from .failure import UnmeasurableError, UnusableError
from .reading import numbers_of

_MOST_CLASSES = 20
_MOST_SHOWN = 5
_OF_NUMBERS = {"rmse", "mae", "r2"}
# Labels that are one another's opposite, in the order in which a score speaks of the last.
_PAIRS = (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("-1", "1"))
_DIGITS = {"false": "0", "true": "1"}
# Of these more is worse.
ERRORS = ("rmse", "mae", "log_loss")


def match(answers: Answers, truth: Answers, keys: Any) -> tuple[Any, Any]:
    """Return predictions and labels row by row: by `keys`, of the predictions' rows, or else by their order.

    Raises:
        UnusableError: they can't be told to belong together.
    """
    predicted, labels = answers.all_values, truth.all_values
    if truth.key:
        if keys is None or truth.all_keys is None:
            where = "labels" if truth.all_keys is None else "predictions and their input"
            raise UnusableError(f"the {where} have no column '{truth.key}' that tells which row is which")
        if len(keys) != len(predicted):
            raise UnusableError(f"{len(predicted)} predictions for {len(keys)} keys")
        told = pd.DataFrame({"key": truth.all_keys, "truth": labels}).dropna(subset=["key"])
        told = told.drop_duplicates("key", keep="last")
        both = pd.DataFrame({"key": keys.reset_index(drop=True), "predicted": predicted}).merge(told, on="key")
        if len(labels) and len(predicted) and not len(both):
            raise UnusableError(f"none of {len(labels)} labels has the '{truth.key}' of a prediction")
        predicted, labels = both["predicted"], both["truth"]
    elif len(predicted) != len(labels):
        raise UnusableError(f"{len(labels)} labels for {len(predicted)} predictions, and no 'key' tells which is which")
    there = predicted.notna() & labels.notna()
    return predicted[there].reset_index(drop=True), labels[there].reset_index(drop=True)


def measure(predicted: Any, labels: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics by name, each with its `value`; `problem` says of which kind."""
    if not len(labels):
        return {}
    numbers = numbers_of(labels)
    if (settings.get("problem") or _problem(numbers, settings)) == "regression":
        return _regression(numbers_of(predicted), numbers)
    return _classification(predicted, labels.map(category), settings)


def _problem(numbers: Any, settings: dict[str, Any]) -> str:
    """Tell by what is asked for, or else by the labels: many different numbers, or such as aren't whole."""
    if asked := settings.get("quality"):
        return "regression" if {*asked} & _OF_NUMBERS else "classification"
    if np.isnan(numbers).any():
        return "classification"
    return "regression" if len(np.unique(numbers)) > _MOST_CLASSES or (numbers % 1).any() else "classification"


def _metrics() -> Any:
    try:
        return importlib.import_module("sklearn.metrics")
    except ImportError:
        raise UnusableError("the image has no scikit-learn, which the quality of predictions takes") from None


def _regression(predicted: Any, truth: Any) -> dict[str, Any]:
    metrics = _metrics()
    there = np.isfinite(predicted) & np.isfinite(truth)
    predicted, truth = predicted[there], truth[there]
    if len(truth) < 2:
        return {}
    found = {
        "rmse": math.sqrt(metrics.mean_squared_error(truth, predicted)),
        "mae": metrics.mean_absolute_error(truth, predicted),
        "r2": metrics.r2_score(truth, predicted),
    }
    return _valued(found)


def _classification(predicted: Any, truth: Any, settings: dict[str, Any]) -> dict[str, Any]:
    metrics = _metrics()
    classes = sorted(truth.unique())
    answers = predicted.map(category)
    if {*classes} <= {*_DIGITS.values()} and {*answers} <= {*_DIGITS}:
        predicted = answers = answers.map(_DIGITS)  # true and 1 are the same answer
    scores = numbers_of(predicted)
    is_score = not np.isnan(scores).any() and bool(((scores >= 0) & (scores <= 1)).all())
    if is_score and len(classes) <= 2 and not {*answers} <= {*classes}:
        positive = _positive(settings, classes)
        if not positive:
            words = f"all labels are {_shown(classes)}: say with 'positive' which label a score speaks of"
            raise UnusableError(words)
        return _scored(metrics, scores, (truth == positive).to_numpy(), settings)
    if len({*answers}) > _MOST_CLASSES and not {*answers} & {*classes}:
        words = f"the labels have {len(classes)} classes: {_shown(classes)}"
        words = f"{words}; say with 'prediction' which column has the class"
        if is_score:
            raise UnusableError(f"the predictions are scores, and {words}")
        raise UnmeasurableError(f"the predictions are no label, such as '{answers.iloc[0]}', and {words}")
    average: dict[str, Any] = {"average": "macro", "zero_division": 0}
    both = sorted({*classes, *answers})
    if len(both) <= 2:
        positive = _positive(settings, both) or both[-1]
        answers, truth, average = answers == positive, truth == positive, {"zero_division": 0}
    return _valued(_of_classes(metrics, truth, answers, average))


def _positive(settings: dict[str, Any], classes: list[str]) -> str:
    """Return the label that a score speaks of: the last one, also on a day all of whose labels are its opposite.

    Empty where there is just one, and nobody says what its opposite is.
    """
    named = settings.get("positive")
    if named not in (None, ""):
        if len(classes) > 1 and category(named) not in classes:
            raise UnmeasurableError(f"'positive' is '{category(named)}', and the labels are {_shown(classes)}")
        return category(named)
    if len(classes) > 1:
        return classes[-1]
    for pair in _PAIRS:
        if classes[0].lower() in pair:
            return classes[0] if classes[0].lower() == pair[1] else pair[1]
    return ""


def _shown(classes: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in classes[:_MOST_SHOWN])


def _scored(metrics: Any, scores: Any, truth: Any, settings: dict[str, Any]) -> dict[str, Any]:
    threshold = settings.get("threshold")
    answers = scores >= (0.5 if threshold is None else threshold)
    found = _of_classes(metrics, truth, answers, {"zero_division": 0})
    if truth.any() and not truth.all():
        found["auc"] = metrics.roc_auc_score(truth, scores)
        found["log_loss"] = metrics.log_loss(truth, scores)
    return _valued(found)


def _of_classes(metrics: Any, truth: Any, answers: Any, average: dict[str, Any]) -> dict[str, float]:
    return {
        "accuracy": metrics.accuracy_score(truth, answers),
        "f1": metrics.f1_score(truth, answers, **average),
        "precision": metrics.precision_score(truth, answers, **average),
        "recall": metrics.recall_score(truth, answers, **average),
    }


def _valued(found: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": float(value)} for name, value in found.items()}
