"""What a service costs in a month: its parts, counted in the rendered templates, times what is assumed of its use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.service.cloudformation.description.waiting import LATE_AFTER, LONG, SHORT, STEADY
from pipeline_builder.service.prices import Prices

Group = Literal["runs", "polling", "key and secrets", "the rest"]
GROUPS: tuple[Group, ...] = ("runs", "polling", "key and secrets", "the rest")
MONTH = 43_800
"""Minutes of a month, the twelfth of a year."""
WORKDAYS = 22
_DAYS = 30
# What a run leaves: artifacts with the checked out repositories, and the lines of its builds. Of what jobs write, and
# of the models, nothing is counted: that is training's.
ARTIFACTS, CACHES, LINES = 0.010, 0.1, 0.001
"""GB of a run's artifacts, of a project's cache, and of a build's lines."""
_LOOK_SECONDS, _LOOK_MEMORY = 4, 0.25
OBJECTS = 1000
"""Objects that come in a month to each address whose data starts a pipeline, in a batch a day."""
_PAUSE, _LONGEST, _LATE, _LATE_PAUSE = (seconds / 60 for seconds in (SHORT, STEADY, LATE_AFTER, LONG))
# Of one look: it asks, decides, sets the pause, pauses. Of a run besides: the beginning, while Start ends, the answer,
# and the machine of the rule, which looks twice for that one.
_PER_LOOK, _PER_RUN = 4, 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A pipeline beside the main one: what of each of its runs costs something, and how often schedules start it."""

    name: str
    sources: int
    builds: int
    scheduled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a service costs something. `builds` are those of each run, `sources` its source actions; `compute` is
    small, medium or large; `machine` says that a state machine waits for a run, and no build; `poll_minutes` is 0 where
    nothing is polled, `looks` that a function looks first. `handlers` are the functions that the service makes for
    Lambda steps, `handler_seconds` what a run of each takes at most, in seconds with a GB; `queues` those for Callback.
    `chains` are the other pipelines, `landings` the addresses where data that comes starts one.
    """

    repositories: int
    sources: int
    builds: int
    machine: bool
    compute: str = "small"
    webhooks: int = 0
    polled: int = 0
    poll_minutes: int = 0
    looks: bool = False
    scheduled: float = 0
    key: bool = False
    secrets: int = 0
    alarms: int = 0
    artifact_days: int = 180
    handlers: int = 0
    handler_seconds: float = 0
    queues: int = 0
    chains: tuple[Chain, ...] = ()
    landings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What is assumed of a month: runs, the hours that each takes on SageMaker, the minutes of a build without waiting.

    `pushed` are those of the runs that pushes start.
    """

    runs: float
    hours: float
    minutes: int
    pushed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the bill: so many units of a price."""

    group: Group
    part: str
    units: float
    price: str
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month's bill, without training."""

    use: Use
    prices: Prices
    lines: tuple[Line, ...]

    def of(self, *groups: Group) -> float:
        """Return what the groups come to; without any, all."""
        return sum(line.usd for line in self.lines if not groups or line.group in groups)


def month_of(parts: Parts, use: Use, prices: Prices) -> Month:
    """Return the bill of a month."""
    counted = (*_runs(parts, use), *_others(parts, use), *_polling(parts, use), *_standing(parts), *_traces(parts, use))
    lines = (
        Line(group=group, part=part, units=units, price=price, usd=units * prices.usd[price])
        for group, part, units, price in counted
        if units
    )
    return Month(use=use, prices=prices, lines=tuple(lines))


def size_of(compute: str) -> str:
    """Return the size in a compute type of CodeBuild (BUILD_GENERAL1_SMALL), as prices have it."""
    return compute.rpartition("_")[2].lower()


_Counted = tuple[Group, str, float, str]


def _runs(parts: Parts, use: Use) -> Iterator[_Counted]:
    build = f"build-{parts.compute}"
    waiting = 0 if parts.machine else math.ceil(use.hours * 60)
    minutes = parts.builds * use.minutes
    yield "runs", "CodePipeline: source actions", use.runs * parts.sources, "pipeline-minute"
    yield "runs", "CodePipeline: builds", use.runs * minutes, "pipeline-minute"
    yield "runs", "CodePipeline: waiting", use.runs * waiting, "pipeline-minute"
    yield "runs", "CodeBuild: builds", use.runs * minutes, build
    yield "runs", "CodeBuild: waiting", use.runs * waiting, build
    share = parts.webhooks / parts.repositories if parts.repositories else 0
    yield "runs", "CodeBuild: webhooks", use.pushed * share, "build-small"
    yield "runs", "Step Functions: waiting", use.runs * transitions(use.hours) * parts.machine, "transition"
    yield "runs", "Lambda: handlers", use.runs * parts.handlers, "function-call"
    yield "runs", "Lambda: handlers, seconds with a GB at most", use.runs * parts.handler_seconds, "function-second"
    # A token is put in, taken out and deleted.
    yield "runs", "SQS: tokens of Callback steps", use.runs * parts.queues * 3, "message"


def _others(parts: Parts, use: Use) -> Iterator[_Counted]:
    """Yield what the other pipelines' scheduled runs cost, each as long as one of the main pipeline, and what comes."""
    build = f"build-{parts.compute}"
    waiting = 0 if parts.machine else math.ceil(use.hours * 60)
    for one in parts.chains:
        minutes = one.builds * use.minutes + waiting
        yield "runs", f"CodePipeline: {one.name}", one.scheduled * (one.sources + minutes), "pipeline-minute"
        yield "runs", f"CodeBuild: {one.name}", one.scheduled * minutes, build
        yield (
            "runs",
            f"Step Functions: {one.name}",
            one.scheduled * transitions(use.hours) * parts.machine,
            "transition",
        )
    objects, batches = parts.landings * OBJECTS, parts.landings * _DAYS
    yield "runs", "EventBridge: events of new objects", objects, "event"
    yield "runs", "Step Functions: new objects", objects, "express"
    # It waits, and starts a pipeline: two states and the two ends.
    yield "runs", "Step Functions: batches of them", batches * 4, "transition"


def transitions(hours: float) -> int:
    """Return the transitions of the state machine that waits for a run; its pauses grow to five minutes, after two days
    to an hour.
    """
    left, waited, pause, looks = hours * 60, 0.0, 0.0, 1
    while left > 0:
        pause = min(pause + _PAUSE, _LONGEST) if waited < _LATE else _LATE_PAUSE
        left, waited, looks = left - pause, waited + pause, looks + 1
    return _PER_RUN + _PER_LOOK * looks


def _polling(parts: Parts, use: Use) -> Iterator[_Counted]:
    if not parts.poll_minutes:
        return
    looks, build = MONTH / parts.poll_minutes, f"build-{parts.compute}"
    yield "polling", "EventBridge Scheduler: looks", looks, "schedule"
    if not parts.looks:
        yield "polling", "CodeBuild: looks", looks, build
        return
    yield "polling", "Lambda: looks", looks, "function-call"
    yield "polling", "Lambda: seconds with a GB", looks * _LOOK_SECONDS * _LOOK_MEMORY, "function-second"
    moved = use.pushed * parts.polled / parts.repositories
    yield "polling", "CodeBuild: the worker, each day and where one moved", (_DAYS + moved) * use.minutes, build


def _standing(parts: Parts) -> Iterator[_Counted]:
    yield "key and secrets", "KMS: key", int(parts.key), "key"
    yield "key and secrets", "Secrets Manager: secrets", parts.secrets, "secret"


def _traces(parts: Parts, use: Use) -> Iterator[_Counted]:
    yield "the rest", "CloudWatch: alarms", parts.alarms, "alarm"
    yield "the rest", "CloudWatch Logs: builds' lines, GB", use.runs * LINES * parts.builds, "log"
    kept = use.runs * ARTIFACTS * parts.artifact_days / _DAYS + CACHES * parts.builds
    yield "the rest", "S3: artifacts and caches, GB", kept, "storage"
    yield "the rest", "EventBridge Scheduler: schedules", parts.scheduled, "schedule"
    yield "the rest", "SNS: mails", 2 * use.runs, "mail"
