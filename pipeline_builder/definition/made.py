"""What the service makes for Lambda and Callback steps: the functions of handlers, and queues."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.definition.names import FUNCTION_NAME, QUEUE_NAME, plain_name
from pipeline_builder.regions.hosts import queue_url
from pipeline_builder.regions.partitions import partition_of

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Graph, Step
    from pipeline_builder.documents.values import Settings

Grant = tuple[tuple[str, ...], tuple[str, ...]]
"""Actions, and the resources that they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFunction:
    """A function that the service makes for a handler of the repository; `grants` are what it may do besides."""

    name: str
    arn: str
    repository: str
    runtime: str
    memory: int
    timeout: int
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeQueue:
    """A queue that the service makes for steps which wait for an answer."""

    name: str
    url: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """All that the service makes for steps, by name."""

    functions: tuple[MadeFunction, ...] = ()
    queues: tuple[MadeQueue, ...] = ()

    def owns(self, repository: str, called: str) -> bool:
        """Tell whether a function's ARN, or a queue's url, is of something that is made for the repository."""
        made = {*((f.repository, f.arn) for f in self.functions), *((q.repository, q.url) for q in self.queues)}
        return (repository, called) in made


def made_for(graph: Graph, settings: Settings) -> Made:
    """Return what the service makes for the steps of a graph: one of each section, however many steps it has."""
    functions = {made.name: made for step in graph.steps for made in function_of(step, graph.pipeline, settings)}
    queues = {made.name: made for step in graph.steps for made in queue_of(step, graph.pipeline, settings)}
    return Made(
        functions=tuple(functions[name] for name in sorted(functions)),
        queues=tuple(queues[name] for name in sorted(queues)),
    )


def function_of(step: Step, pipeline: str, settings: Settings) -> Iterator[MadeFunction]:
    """Yield the function that is made for a step, if one is."""
    from pipeline_builder.conf.calls import LambdaSection

    section = step.call
    if not isinstance(section, LambdaSection) or section.entry_point is None:
        return
    name = _name(step, settings.service or pipeline, "fn", FUNCTION_NAME)
    yield MadeFunction(
        name=name,
        arn=function_arn(name, settings),
        repository=step.repository,
        runtime=section.runtime,
        memory=section.memory,
        timeout=section.timeout,
        grants=tuple((one.actions, one.resources) for one in section.policies),
    )


def queue_of(step: Step, pipeline: str, settings: Settings) -> Iterator[MadeQueue]:
    """Yield the queue that is made for a step, if one is."""
    from pipeline_builder.conf.calls import CallbackSection

    section = step.call
    if isinstance(section, CallbackSection) and not section.sqs_queue:
        name = _name(step, settings.service or pipeline, "cb", QUEUE_NAME)
        yield MadeQueue(name=name, url=queue_url(settings.region, settings.account, name), repository=step.repository)


def function_arn(name: str, settings: Settings) -> str:
    """Return the ARN of a function of this account and Region."""
    partition = partition_of(settings.region).name
    return f"arn:{partition}:lambda:{settings.region}:{settings.account}:function:{name}"


def _name(step: Step, service: str, kind: str, limit: int) -> str:
    """Return a name that no other section's has: 'a-b' with 'c' and 'a' with 'b-c' stay apart."""
    whose = hashlib.sha256(f"{step.unit.name}\0{step.section_name}".encode()).hexdigest()[:8]
    return f"{plain_name(f'{service}-{kind}-{step.unit.name}-{step.section_name}', limit - 9)}-{whose}"


def joined(old: Made, new: Made, content: bytes) -> Made:
    """Return what is made for the steps of a definition, of which some were composed before and some are new."""
    functions = {one.name: one for one in (*old.functions, *new.functions) if f'"{one.arn}"'.encode() in content}
    queues = {one.name: one for one in (*old.queues, *new.queues) if f'"{one.url}"'.encode() in content}
    return Made(
        functions=tuple(functions[name] for name in sorted(functions)),
        queues=tuple(queues[name] for name in sorted(queues)),
    )
