"""What a report shows of a tuning: a table of its trainings, and their objectives in the order of their starts."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline_builder.release.record import StepRecord, TrialRecord

WIDTH, HEIGHT = 620, 120
"""Of the drawing's axes, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A training in the drawing; the best is drawn by itself."""

    x: float
    y: float
    trial: TrialRecord
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A tuning step: its trainings, the best first, the hyperparameters that were varied, and the drawing."""

    step: StepRecord
    names: tuple[str, ...]
    metric: str
    dots: tuple[Dot, ...]
    least: float
    greatest: float


def tuned_of(step: StepRecord) -> Tuned:
    """Return what is drawn of a tuning step."""
    trials = step.trials
    names = tuple(dict.fromkeys(name for trial in trials for name in trial.values))
    known = [trial for trial in trials if trial.objective is not None]
    values = [trial.objective for trial in known if trial.objective is not None]
    least, greatest = min(values, default=0.0), max(values, default=0.0)
    order = sorted(known, key=lambda trial: (trial.begun or 0.0, trial.name))
    span = (greatest - least) or 1.0
    dots = tuple(
        Dot(
            x=round((index + 0.5) / len(order) * WIDTH, 1),
            y=round(HEIGHT - ((trial.objective or 0.0) - least) / span * HEIGHT, 1),
            trial=trial,
            best=trial is known[0],
        )
        for index, trial in enumerate(order)
    )
    metric = next((trial.metric for trial in known), "")
    return Tuned(step=step, names=names, metric=metric, dots=dots, least=least, greatest=greatest)


def unquoted(value: str) -> str:
    """Return a hyperparameter as a reader means it: the SDK writes each as JSON, a word in quotes."""
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return read if isinstance(read, str) else value
