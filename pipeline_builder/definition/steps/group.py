"""The model package group of a model."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.conf.graph import Graph, Step, Unit
from pipeline_builder.definition.names import GROUP_NAME, shorten
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.definition.steps.context import Context
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import Problem

_DESCRIPTION = "ModelPackageGroupDescription"


def group_name(pipeline: str, model: str) -> str:
    """Return the default model package group: `<pipeline>-<model>` in the letters that the service takes."""
    plain = "".join(char if char.isalnum() else "-" for char in f"{pipeline}-{model}")
    return shorten(plain, GROUP_NAME)


def own_group(context: Context, step: Step) -> JSON:
    """Return the group that the step's model is registered into; empty where it isn't registered."""
    registered = any(one.step_class == "RegisterModel" for one in context.graph.by_unit[step.unit.name])
    return (step.registry.group or group_name(context.graph.pipeline, step.unit.name)) if registered else ""


def group_problems(graph: Graph) -> Iterator[Problem]:
    """Yield what is wrong with the groups that models are registered into, as far as no step's request has it."""
    first: dict[str, Unit] = {}
    for step in graph.steps:
        unit, registry = step.unit, step.unit.section.registry
        if step.step_class != "RegisterModel" or registry is None:
            continue
        if registry.group_description:
            yield from _wrong_description(unit, registry.group_description)
        name = group_name(graph.pipeline, unit.name)
        if not registry.group and (other := first.setdefault(name, unit)) is not unit:
            yield _same_group(name, unit, other)


def _wrong_description(unit: Unit, text: str) -> Iterator[Problem]:
    """Check what only the request of the group itself has: no step asks for one, `apply` does."""
    for fault in load_sagemaker().check_at("CreateModelPackageGroupInput", (_DESCRIPTION,), text):
        message = f"model '{unit.name}': '{_DESCRIPTION}' {fault.message}"
        place = unit.conf.document.place((*unit.path, "registry", _DESCRIPTION))
        yield Problem(id=fault.id, message=message, place=place, hint=fault.hint)


def _same_group(name: str, unit: Unit, other: Unit) -> Problem:
    """Refuse one group for two models whose names differ in what it can't have: each would be the other's champion."""
    message = f"the models '{other.name}' and '{unit.name}' would both be registered into the group '{name}'"
    before, place = (one.conf.document.place(one.path, key=True) for one in (other, unit))
    hint = "give one of them a 'ModelPackageGroupName' of its own"
    return Problem(id="PB277", message=message, place=place, related=(before,), hint=hint)
