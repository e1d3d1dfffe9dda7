"""What uses a version: days of inference pipelines, inference confs, other models of its run that are chained to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.lineage import Use
from pipeline_builder.console.scoring.shelf import days_of, inference_pipelines


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
