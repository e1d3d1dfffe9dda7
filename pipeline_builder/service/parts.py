"""The parts of a rendered service that cost something, counted in its template: what is rendered is what is paid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline_builder.descriptions import JSON
from pipeline_builder.manifest.cron import next_firing
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.cloudformation.access.fetched import secrets_of_hosts
from pipeline_builder.service.cloudformation.description.model import ServiceModel
from pipeline_builder.service.cloudformation.description.schedules import Timing
from pipeline_builder.service.cloudformation.evaluation.document import Template, load_template
from pipeline_builder.service.cloudformation.rendering.rendering import SERVICE
from pipeline_builder.service.costs import MONTH, WORKDAYS, Chain, Parts, Use, size_of
from pipeline_builder.service.render import Rendered

_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
# More starts in a month than a schedule of minutes has are none that anybody trains with.
_MOST_FIRINGS = 1000


def parts_of(rendered: Rendered, manifest: Manifest) -> Parts:
    """Return the parts of a rendered service."""
    model = rendered.model
    template = load_template(rendered.service, SERVICE)
    categories = list(_categories(template, model.name))
    secrets = {repo.credentials.secret for repo in manifest.repos if repo.credentials}
    secrets |= {secret for repo in manifest.repos for secret in secrets_of_hosts(repo)}
    secrets |= {variable.secret for variable in model.service.environment.values()}
    return Parts(
        repositories=len(manifest.repos),
        sources=categories.count("Source"),
        builds=categories.count("Build"),
        machine=bool(_count(template, "AWS::StepFunctions::StateMachine")),
        compute=size_of(model.service.compute),
        webhooks=len(model.triggers.webhooks),
        polled=len(model.triggers.polled),
        poll_minutes=model.service.poll_minutes if model.triggers.polled else 0,
        looks=model.triggers.looks,
        scheduled=sum(starts_of(timing) for timing in model.schedules if not timing.handle),
        key=model.own_key,
        secrets=len(secrets - {""}),
        alarms=_count(template, "AWS::CloudWatch::Alarm"),
        artifact_days=model.service.artifact_days,
        handlers=len(model.made.functions),
        handler_seconds=sum(one.timeout * one.memory / 1024 for one in model.made.functions),
        queues=len(model.made.queues),
        chains=tuple(_chain(template, one, model.schedules) for one in model.further),
        landings=sum(found.trigger == "data" for found in model.gathered),
    )


def _chain(template: Template, one: ServiceModel, schedules: Iterable[Timing]) -> Chain:
    categories = list(_categories(template, one.name))
    return Chain(
        name=one.handle,
        sources=categories.count("Source"),
        builds=categories.count("Build"),
        scheduled=sum(starts_of(timing) for timing in schedules if timing.handle == one.handle),
    )


def assumed_use(parts: Parts, *, runs: float | None, hours: float, minutes: int) -> Use:
    """Return what is assumed of a month: without a number of runs a push on each working day, and what is scheduled."""
    scheduled = round(parts.scheduled)
    pushed = WORKDAYS if runs is None else max(0.0, runs - scheduled)
    return Use(runs=pushed + scheduled if runs is None else runs, hours=hours, minutes=minutes, pushed=pushed)


def starts_of(timing: Timing) -> float:
    """Return how often a schedule starts the pipeline in a month."""
    if not timing.enabled:
        return 0
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", timing.expression):
        return MONTH / (int(match[1]) * _MINUTES[match[2]])
    try:
        zone = ZoneInfo(timing.timezone)
    except ZoneInfoNotFoundError:
        zone = ZoneInfo("UTC")
    # A year, which has every month in it; the same one for everybody.
    start = datetime(2027, 1, 1, tzinfo=timezone.utc)
    count, at = 0, next_firing(timing.cron, zone, start)
    while at and at < start + timedelta(days=365) and count < 12 * _MOST_FIRINGS:
        count, at = count + 1, next_firing(timing.cron, zone, at)
    return count / 12


def _categories(template: Template, pipeline: str) -> Iterator[str]:
    for resource in template.resources.values():
        if resource.type == "AWS::CodePipeline::Pipeline" and resource.properties.get("Name") == pipeline:
            stages = resource.properties.get("Stages")
            for stage in stages if isinstance(stages, list) else ():
                yield from _of_actions(stage)


def _of_actions(stage: JSON) -> Iterator[str]:
    actions = stage.get("Actions") if isinstance(stage, dict) else None
    for action in actions if isinstance(actions, list) else ():
        kind = action.get("ActionTypeId") if isinstance(action, dict) else None
        if isinstance(kind, dict):
            yield str(kind.get("Category"))


def _count(template: Template, kind: str) -> int:
    return sum(resource.type == kind for resource in template.resources.values())
