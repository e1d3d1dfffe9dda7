"""What uses a version: days of inference pipelines, inference confs, other models of its run that are chained to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import LISTED
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.lineage import Use
from pipeline_builder.release.scoring.ledger import LedgerDay, list_days

MOST_DAYS = 400
"""Newest days of each model that are looked through."""


def days_of(look: Look, pipeline: str, most: int = MOST_DAYS) -> tuple[LedgerDay, ...]:
    """Return the newest days of an inference pipeline, oldest first; what can't be read is a line on the page."""
    key = ("days", pipeline, most)
    if look.target.name == "local":
        return look.attempt(lambda: list_days(look.target, pipeline, most=most), ())
    return look.attempt(lambda: look.known(key, LISTED, lambda: list_days(look.target, pipeline, most=most)), ())


def inference_pipelines(look: Look) -> dict[str, str]:
    """Return what SageMaker calls each inference pipeline of the manifest, by its handle."""
    manifest = look.manifest
    if manifest is None:
        return {}
    kinds = {entry.name: entry.kind for entry in manifest.pipelines}
    return {handle: name for handle, name in look.names.items() if kinds.get(handle) == "inference"}


def uses_of(look: Look, facts: Facts) -> tuple[Use, ...]:
    """Return what uses a version, or has used it."""
    return (*_scoring(look, facts), *_chained(facts))


def _scoring(look: Look, facts: Facts) -> Iterator[Use]:
    for handle, pipeline in inference_pipelines(look).items():
        found: defaultdict[str, list[str]] = defaultdict(list)
        for day in days_of(look, pipeline):
            if day.package.arn == facts.package.arn:
                found[day.model].append(day.date)
        for model, dates in found.items():
            span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
            words = f"{model}: {len(dates)} {'day' if len(dates) == 1 else 'days'} scored, {span}"
            yield Use(kind="inference", name=handle, words=words, pipeline=pipeline, date=dates[-1])


def _chained(facts: Facts) -> Iterator[Use]:
    for model, steps in facts.chained.items():
        words = f"its {', '.join(steps[:5])}{'…' if len(steps) > 5 else ''} use what this model's steps made"
        yield Use(kind="chained model", name=model, words=words)
