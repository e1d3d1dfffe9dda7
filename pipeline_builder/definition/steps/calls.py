"""Lambda and Callback steps with a section: what is handed over, what comes back, and whom it goes to."""

from __future__ import annotations

import re

from pipeline_builder.conf.calls import RESERVED, CallbackSection, CallSection, LambdaSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.names import plain_name
from pipeline_builder.definition.steps.context import Context, Mapped, chained_outputs
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get
from pipeline_builder.regions.hosts import queue_url
from pipeline_builder.regions.partitions import partition_of

FUNCTION_NAME, QUEUE_NAME = 64, 80
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def compose_lambda(context: Context, step: Step) -> Mapped:
    """Return a Lambda step; of a handler in the repository with where its code is, which runs it wherever it runs."""
    section = step.call
    if not isinstance(section, LambdaSection):
        return compose_typed(context, step)
    own = _handler(context, step, section) if section.entry_point else {}
    return _step("Lambda", step, {**_inputs(context, step, section), **own}, FunctionArn=_function(context, step))


def compose_callback(context: Context, step: Step) -> Mapped:
    """Return a Callback step."""
    section = step.call
    if not isinstance(section, CallbackSection):
        return compose_typed(context, step)
    inputs = _inputs(context, step, section)
    if section.timeout is not None:
        inputs[f"{RESERVED}timeout"] = section.timeout
    url: JSON = section.sqs_queue or queue_url(
        context.settings.region, context.settings.account, made_queue(context, step)
    )
    return _step("Callback", step, inputs, SqsQueueUrl=url)


def made_function(context: Context, step: Step) -> str:
    """Return the name of the function that the service makes for a step's section."""
    return _made(context, step, "fn", FUNCTION_NAME)


def made_queue(context: Context, step: Step) -> str:
    """Return the name of the queue that the service makes for a step's section."""
    return _made(context, step, "cb", QUEUE_NAME)


def _made(context: Context, step: Step, kind: str, limit: int) -> str:
    service = context.settings.service or context.graph.pipeline
    return plain_name(f"{service}-{kind}-{step.repository}-{step.unit.name}-{step.section_name}", limit)


def _function(context: Context, step: Step) -> JSON:
    section = step.call
    assert isinstance(section, LambdaSection)
    name = made_function(context, step) if section.entry_point else section.function
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        return name
    region, account = context.settings.region, context.settings.account
    return f"arn:{partition_of(region).name}:lambda:{region}:{account}:function:{name}"


def _handler(context: Context, step: Step, section: LambdaSection) -> Mapped:
    """Return the inputs that are our own: the function takes them out again before the handler sees the event."""
    variables = context.texts(section.environment)
    return {
        f"{RESERVED}code": context.code[step.name],
        f"{RESERVED}handler": f"{section.entry_point}:{section.handler}",
        f"{RESERVED}timeout": section.timeout,
        **{f"{RESERVED}env_{name}": value for name, value in sorted(variables.items())},
    }


def _inputs(context: Context, step: Step, section: CallSection) -> Mapped:
    """Return what is handed over: what the chained steps put out, under `<step>-<label>`, and over it the section's."""
    chained: Mapped = {}
    for name in step.asked.chained:
        source = context.graph.by_name[name]
        if source.call is not None:
            chained |= {f"{name}-{o}": get(f"Steps.{name}.OutputParameters['{o}']") for o in source.call.outputs}
    jobs = {f"{one.step}-{one.label}": one.uri for one in chained_outputs(context, step)}
    return {**chained, **jobs, **section.inputs}


def _step(kind: str, step: Step, inputs: Mapped, **beside: JSON) -> Mapped:
    section = step.call
    assert section is not None
    outputs: list[JSON] = [{"OutputName": name, "OutputType": type_} for name, type_ in section.outputs.items()]
    cache: Mapped = {}
    if step.asked.enable_cache:
        cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": section.cache.expire_after}}
    return {"Type": kind, "Arguments": inputs, **beside, "OutputParameters": outputs, **cache}
