"""Lambda and Callback steps with a section: what is handed over, what comes back, and whom it goes to."""

from __future__ import annotations

import re

from pipeline_builder.conf.calls import RESERVED, CallbackSection, CallSection, LambdaSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.dag import caching
from pipeline_builder.definition.made import function_arn, function_of, queue_of
from pipeline_builder.definition.steps.context import Context, Mapped, chained_outputs
from pipeline_builder.definition.steps.typed import compose_typed
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?")


def compose_lambda(context: Context, step: Step) -> Mapped:
    """Return a Lambda step; of a handler in the repository with where its code is, which runs it wherever it runs."""
    section = step.call
    if not isinstance(section, LambdaSection):
        return compose_typed(context, step)
    own = _handler(context, step, section) if section.entry_point else {}
    inputs = {**_inputs(context, step, section), **own}
    return _step("Lambda", step, inputs, FunctionArn=_function(context, step, section))


def compose_callback(context: Context, step: Step) -> Mapped:
    """Return a Callback step."""
    section = step.call
    if not isinstance(section, CallbackSection):
        return compose_typed(context, step)
    inputs = _inputs(context, step, section)
    if section.timeout is not None:
        inputs[f"{RESERVED}timeout"] = section.timeout
    made = next(queue_of(step, context.graph.pipeline, context.settings), None)
    url: JSON = made.url if made else section.sqs_queue
    return _step("Callback", step, inputs, SqsQueueUrl=url)


def _function(context: Context, step: Step, section: LambdaSection) -> JSON:
    name = section.function
    if made := next(function_of(step, context.graph.pipeline, context.settings), None):
        return made.arn
    return function_arn(name, context.settings) if isinstance(name, str) and _PLAIN.fullmatch(name) else name


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
    outputs: list[JSON] = [{"OutputName": name, "OutputType": type_} for name, type_ in sorted(section.outputs.items())]
    cache: Mapped = {}
    if step.asked.enable_cache:
        cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": section.cache.expire_after}}
        inputs = {**inputs, caching.INPUT: get(f"Parameters.{caching.PARAMETER}")}
    return {"Type": kind, "Arguments": inputs, **beside, "OutputParameters": outputs, **cache}
