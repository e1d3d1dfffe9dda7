"""The model package group of a model."""

from __future__ import annotations

from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.names import GROUP_NAME, shorten
from pipeline_builder.definition.steps.context import Context
from pipeline_builder.descriptions import JSON


def group_name(pipeline: str, model: str) -> str:
    """Return the default model package group: `<pipeline>-<model>` in the letters that the service takes."""
    plain = "".join(char if char.isalnum() else "-" for char in f"{pipeline}-{model}")
    return shorten(plain, GROUP_NAME)


def own_group(context: Context, step: Step) -> JSON:
    """Return the group that the step's model is registered into; empty where it isn't registered."""
    registered = any(one.step_class == "RegisterModel" for one in context.graph.by_unit[step.unit.name])
    return (step.registry.group or group_name(context.graph.pipeline, step.unit.name)) if registered else ""
