"""How much of a run one page shows, and what it says that it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.release.metrics import Confusion
from pipeline_builder.release.record import RunRecord, StepRecord

# What one report shows; what it leaves out it says. All of it is in `run.json`, and in the metrics of the package.
_MOST_PACKAGES = 200
MOST_METRICS = 500
MOST_LABELS = 50
MOST_POINTS = 250
_MOST_STEPS = 1000
_MOST_REPOS = 500
_MOST_REASONS = 500
_MOST_PARAMETERS = 250
_MOST_TEXT = 20_000
"""Characters of a failure's words, or of the end of a log."""
_MOST_LOGS = 100_000
"""Characters of all ends of logs; those of steps that failed come first."""
_MOST_TAILS = 60
"""Ends of logs."""


def bounded(record: RunRecord) -> RunRecord:
    """Return the record with as much of it as a page can hold; steps that failed go first where there are too many."""
    steps = record.steps
    if len(steps) > _MOST_STEPS:
        chosen = {s.name for s in sorted(steps, key=lambda s: s.status != "Failed")[:_MOST_STEPS]}
        steps = tuple(step for step in steps if step.name in chosen)
    verdict = record.verdict
    if verdict:
        verdict = verdict.model_copy(update={"reasons": tuple(map(_cut, verdict.reasons[:_MOST_REASONS]))})
    return record.model_copy(
        update={
            "packages": record.packages[:_MOST_PACKAGES],
            "repos": record.repos[:_MOST_REPOS],
            "parameters": {k: _cut(v) for k, v in list(record.parameters.items())[:_MOST_PARAMETERS]},
            "steps": tuple(_bounded_steps(steps)),
            "verdict": verdict,
        }
    )


def _bounded_steps(steps: Sequence[StepRecord]) -> Iterator[StepRecord]:
    room, tails = _MOST_LOGS, {}
    for index, step in enumerate(sorted(steps, key=lambda step: (step.status != "Failed", not step.log_tail))):
        tail = "\n".join(step.log_tail)[-min(_MOST_TEXT, room) :] if room and index < _MOST_TAILS else ""
        room -= len(tail)
        tails[step.name] = tuple(tail.split("\n")) if tail else ()
    for step in steps:
        yield step.model_copy(update={"failure_reason": _cut(step.failure_reason), "log_tail": tails[step.name]})


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def left_out(whole: RunRecord, shown: RunRecord) -> str:
    """Say what the page leaves out."""
    counts = {
        "models": len(whole.packages) - len(shown.packages),
        "repositories": len(whole.repos) - len(shown.repos),
        "steps": len(whole.steps) - len(shown.steps),
        "parameters": len(whole.parameters) - len(shown.parameters),
        "reasons of the gate": len(whole.verdict.reasons) - len(shown.verdict.reasons)
        if whole.verdict and shown.verdict
        else 0,
        "characters of logs": sum(len(line) for step in whole.steps for line in step.log_tail)
        - sum(len(line) for step in shown.steps for line in step.log_tail),
    }
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count > 0)


def corner(confusion: Confusion) -> Confusion:
    """Return as much of a matrix as a page can hold."""
    counts = tuple(row[:MOST_LABELS] for row in confusion.counts[:MOST_LABELS])
    return Confusion(labels=confusion.labels[:MOST_LABELS], counts=counts)
