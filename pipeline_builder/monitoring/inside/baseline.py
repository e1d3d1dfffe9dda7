"""A Baseline step: reads the data that a model was trained on, and writes what later data are held against."""

from __future__ import annotations

import json
import os
from typing import Any

from . import files
from .answers import PREDICTION, Answers, Keys
from .columns import Column
from .failure import UnmeasurableError, UnusableError, run
from .quality import ERRORS, match, measure
from .reading import Table
from .tables import Profile, read_profile

SETTINGS = "monitoring.json"
QUALITY, QUALITY_CONSTRAINTS = "quality_statistics.json", "quality_constraints.json"
_KINDS = {"auc": "binary_classification", "rmse": "regression"}


def main() -> None:
    """Read, and write."""
    settings = read_settings()
    columns: dict[str, Any] = settings.get("columns") or {}
    types = {name: about["type"] for name, about in columns.items() if about.get("type")}
    texts = [name for name, kind in types.items() if kind == "categorical"]
    label, key = settings.get("label") or "", settings.get("key") or ""
    left_out = frozenset((*(settings.get("ignore") or ()), *filter(None, (label, key))))
    profile = Profile(types, left_out)
    truth, keys = Answers(label, "", kept=True), Keys(key)
    is_apart = os.path.isdir(folder("labels"))
    wants = bool(label) and os.path.isdir(folder("predictions")) and not is_apart
    table = Table(settings, texts=[key, *texts])
    see = truth.see if wants else keys.see if key and is_apart else None
    read_profile(folder("data"), table, profile, strict=True, see=see)
    if not profile.rows:
        raise UnusableError("the data that the baseline is made of have no rows")
    found = list(profile.columns.values())
    keep = settings.get("keep_values", True)
    output = folder("", "output")
    files.write(output, files.STATISTICS, files.statistics(found, profile.rows, keep_values=keep, left_out=left_out))
    files.write(output, files.CONSTRAINTS, files.constraints(found, settings))
    print(f"baseline of {len(found)} columns and {profile.rows} rows")
    _quality(settings, truth if wants else None, keys, output)


def folder(name: str, way: str = "input") -> str:
    """Return where an input arrives; the local engine says another place where it has no view of its own to give."""
    return f"{os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')}/processing/{way}/{name}"


def read_settings() -> dict[str, Any]:
    """Return what the conf says, which was put beside this package."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), SETTINGS)
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _quality(settings: dict[str, Any], truth: Answers | None, keys: Keys, output: str) -> None:
    """Write the distribution of predictions, and how good they were where the truth is at hand."""
    if not os.path.isdir(folder("predictions")):
        return
    plain = {"encoding": settings.get("encoding"), "separator": settings.get("separator")}
    key = settings.get("key") or ""
    wants = truth is not None or os.path.isdir(folder("labels"))
    answers = Answers(str(settings.get("prediction") or ""), key, kept=wants)
    answers.read(folder("predictions"), Table(plain, texts=[key]), strict=True)
    if not answers.rows:
        raise UnusableError("there are no predictions")
    if os.path.isdir(folder("labels")):
        truth = Answers(settings.get("label") or "", key, kept=True)
        known = [name for name in (key, truth.asked) if name]
        truth.read(folder("labels"), Table(plain, known, [key]), strict=True)
    named = answers.all_keys if answers.all_keys is not None else keys.all
    try:
        found = measure(*match(answers, truth, named), settings) if truth else {}
    except UnmeasurableError as error:
        print(ascii(f"their quality isn't known: {error}"))
        found = {}
    _write(output, answers.column, answers.rows, found, keep=settings.get("keep_values", True))


def _write(output: str, column: Column, rows: int, found: dict[str, Any], *, keep: bool) -> None:
    about = files.statistics([column], rows, keep_values=keep)
    kind = next((kind for name, kind in _KINDS.items() if name in found), "multiclass_classification")
    statistics = {"version": 0, "dataset": {"item_count": rows}, PREDICTION: about["features"][0]}
    limits = {
        name: {
            "threshold": metric["value"],
            "comparison_operator": "GreaterThanThreshold" if name in ERRORS else "LessThanThreshold",
        }
        for name, metric in found.items()
    }
    metrics = {f"{kind}_metrics": found} if found else {}
    files.write(output, QUALITY, {**statistics, **metrics})
    files.write(output, QUALITY_CONSTRAINTS, {"version": 0, **({f"{kind}_constraints": limits} if found else {})})


if __name__ == "__main__":
    run(main)
