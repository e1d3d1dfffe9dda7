"""What a report shows of an inference run: of each model what came in and out, and whether it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_builder.release.record import ObjectRecord, RunRecord, ScoreRecord
from pipeline_builder.views.days import Day
from pipeline_builder.views.drift import Column, Violation, Watched, mapping, number, read_watched, worst_drift

_MOST_SCORES = 100
_MOST_OPEN, _LEAST_OPEN = 30, 10
_MOST_SHAPES, _LEAST_SHAPES = 12, 3
_MOST_VIOLATIONS = 12
_MOST_OBJECTS = 200
_TONES = {"published": "good", "blocked": "bad", "failed": "bad", "scored": "wait"}
_WORDS = {"published": "Published", "blocked": "Not published", "failed": "Failed", "scored": "Scored"}
_DONE = {"warn": "a warning", "block": "no publication", "retrain": "retraining"}
_MOST_REASONS = 2
"""Of a headline: all of them stand below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreView:
    """A model's data of a day, in the order in which a reader decides; what is `folded` is there on demand."""

    score: ScoreRecord
    word: str
    tone: str
    actions: tuple[str, ...]
    watched: Watched | None
    violations: tuple[Violation, ...]
    violations_folded: tuple[Violation, ...]
    columns: tuple[Column, ...]
    columns_folded: tuple[Column, ...]
    shapes: tuple[Column, ...]
    commits: tuple[tuple[str, str], ...]
    objects: tuple[ObjectRecord, ...]
    objects_left: int
    size: int


def score_views(record: RunRecord) -> list[ScoreView]:
    """Return what is shown of each model, those that aren't published first."""
    shown = sorted(record.scores, key=lambda score: score.status == "published")
    return [_view(score) for score in shown[:_MOST_SCORES]]


def _view(score: ScoreRecord) -> ScoreView:
    watched = read_watched(score.monitor) if isinstance(score.monitor, dict) else None
    violations = watched.violations if watched else ()
    columns = watched.columns if watched else ()
    beyond = watched.beyond if watched else 0
    cut = min(max(beyond, _LEAST_OPEN), _MOST_OPEN)
    drawable = [column for column in columns if column.shape]
    return ScoreView(
        score=score,
        word=_WORDS[score.status],
        tone="wait" if score.status == "published" and score.actions else _TONES[score.status],
        actions=tuple(_DONE.get(action, action) for action in _telling(score.actions)),
        watched=watched,
        violations=violations[:_MOST_VIOLATIONS],
        violations_folded=violations[_MOST_VIOLATIONS:],
        columns=(*_drifting(watched), *columns[:cut]),
        columns_folded=columns[cut:],
        shapes=tuple(drawable[: min(max(beyond, _LEAST_SHAPES), _MOST_SHAPES)]),
        commits=_commits(score),
        objects=score.objects[:_MOST_OBJECTS],
        objects_left=max(len(score.objects) - _MOST_OBJECTS, 0),
        size=sum(found.size for found in score.objects),
    )


def _telling(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out a warning where more is done."""
    return tuple(action for action in actions if action != "warn") or actions


def _drifting(watched: Watched | None) -> tuple[Column, ...]:
    """Return the predictions, which stand above the columns, where there is anything to say of their drift."""
    predictions = watched.predictions if watched else None
    return (predictions,) if predictions and any(predictions.meters) else ()


def _commits(score: ScoreRecord) -> tuple[tuple[str, str], ...]:
    """Return the commits that the package was made of, by repository; the manifest's last."""
    found = {
        name.removeprefix("commit-"): value
        for name, value in score.package_metadata.items()
        if name.startswith("commit-")
    }
    if manifest := score.package_metadata.get("manifest-commit"):
        found["the manifest"] = manifest
    return tuple(found.items())


def scored_word(scores: Sequence[ScoreRecord]) -> tuple[str, str]:
    """Return in a word what became of a day, and its tone."""
    states = {score.status for score in scores}
    if states == {"published"}:
        warned = any(score.actions for score in scores)
        return ("Published with warnings", "wait") if warned else ("Published", "good")
    if "published" in states:
        return "Partly published", "bad"
    worst = next((status for status in ("failed", "blocked") if status in states), "scored")
    return _WORDS[worst], _TONES[worst]


def scored_sentence(scores: Sequence[ScoreRecord], date: str) -> str:
    """Say what became of a day, and why."""
    published = [score for score in scores if score.status == "published"]
    others = [score for score in scores if score.status != "published"]
    said = []
    if published:
        said.append(f"{_names(published, scores)}{date} is where readers look: {_rows(published)}.")
    said += [f"{_names([score], scores)}{_why(score, date)}" for score in others]
    asked = list(dict.fromkeys(score.retraining for score in scores if score.retraining))
    return " ".join([*said, *(f"{words.rstrip('.')}." for words in asked)])


def _names(some: Sequence[ScoreRecord], scores: Sequence[ScoreRecord]) -> str:
    return f"{', '.join(score.model for score in some)}: " if len(scores) > 1 else ""


def _rows(scores: Sequence[ScoreRecord]) -> str:
    counts = [score.rows_out for score in scores if score.rows_out is not None]
    return f"{sum(counts):,} predictions" if counts else "predictions of which nobody has counted the rows"


def _why(score: ScoreRecord, date: str) -> str:
    left = len(score.reasons) - _MOST_REASONS
    more = f"; and {left:,} more reason{'s' if left > 1 else ''}" if left > 0 else ""
    reasons = "; ".join(score.reasons[:_MOST_REASONS]) + more
    if score.status == "scored":
        return f"{date} is scored; 'pipeline-builder publish' puts it where readers look, if the conf says where."
    what = "failed" if score.status == "failed" else "is not published"
    return f"{date} {what}{f': {reasons}' if reasons else ''}."


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def days_of(record: RunRecord) -> list[Day]:
    """Return the run's own day of each model."""
    return [
        Day(
            model=score.model,
            date=score.date,
            version=score.package_version,
            status=score.status,
            rows=score.rows_in,
            drift=worst_drift(mapping(score.monitor).get("drift")),
            violations=len(_listed(mapping(score.monitor).get("violations"))),
            actions=score.actions,
            execution=record.execution.rsplit("/", 1)[-1],
        )
        for score in record.scores
    ]


def bounds_of(record: RunRecord) -> dict[str, float]:
    """Return the bound of each model's worst PSI: no column is drawn as beyond that of its own."""
    found = {score.model: number(mapping(mapping(score.monitor).get("bounds")).get("psi")) for score in record.scores}
    return {model: bound for model, bound in found.items() if bound is not None}
