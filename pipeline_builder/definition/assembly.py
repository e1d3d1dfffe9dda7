"""Every step of the graph, composed: its class's request, what the conf merges over it, and the steps around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline_builder.conf.edges import nested_names
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.tuning import MOST_TOP
from pipeline_builder.definition.addresses import find_bad_addresses
from pipeline_builder.definition.branches import else_name
from pipeline_builder.definition.secrets import secrets_of
from pipeline_builder.definition.steps import compose
from pipeline_builder.definition.steps.closing import close_inputs
from pipeline_builder.definition.steps.context import Context, Mapped, dependencies, retry_policies
from pipeline_builder.definition.steps.freshness import data_addresses, with_variables
from pipeline_builder.definition.steps.gate import compose_gate, fail_name, gate_name
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.definition.steps.repack import compose_repack, needs_repack, repack_name
from pipeline_builder.definition.steps.typed import split_arguments, split_given
from pipeline_builder.definition.steps.volumes import defaults_of, without_own_key
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Problem


def compose_steps(context: Context) -> tuple[list[Mapped], list[Problem]]:
    """Return the steps that could be composed, and what is wrong with the others."""
    steps: dict[str, Mapped] = {}
    taken: dict[str, Step] = {}
    problems: list[Problem] = []
    defaults = defaults_of(context.graph)
    for step in context.graph.steps:
        if nowhere := find_bad_addresses(step):
            problems.extend(nowhere)
            continue
        try:
            if step.name in context.data_parameters:
                data_addresses(step)  # those that can't be told are a problem like any other
            made = [*_repack(context, step), _compose_step(context, step, steps, defaults)]
            composed = [with_variables(step, item, context.data_parameters.get(str(item["Name"]))) for item in made]
        except InputProblems as error:
            problems.extend(error.problems)
            continue
        taken |= dict.fromkeys(_made(step, composed) & context.graph.by_name.keys(), step)
        problems.extend(secrets_of(step, composed[-1]["Arguments"]))
        steps.update((str(found["Name"]), found) for found in composed)
    problems.extend(_taken(context.graph.by_name[name], step) for name, step in taken.items())
    return list(steps.values()), problems


def _made(step: Step, composed: list[Mapped]) -> set[str]:
    """Return the names of the steps that are made for a step besides its own."""
    gated = step.step_class == "RegisterModel" and composed[-1]["Type"] == "Condition"
    blocked = {fail_name(step.name)} if gated else set()
    return {str(found["Name"]) for found in composed} - {step.name} | blocked


def _taken(step: Step, other: Step) -> Problem:
    """A step that the conf lists can't have the name of one that is made for another step: one would be lost."""
    message = f"two steps have the name '{step.name}': this one, and one that is made for the step '{other.name}'"
    hint = "give this one another name"
    return Problem(id="PB309", message=message, place=step.place, related=(other.place,), hint=hint)


def _compose_step(context: Context, step: Step, before: Mapping[str, Mapped], defaults: Mapping[str, JSON]) -> Mapped:
    """Return the step with what the conf merges over its request; behind a gate where the model has bounds.

    `before` has the steps that it can refer to, `defaults` the default values of parameters.
    """
    composed = compose(context, step)
    section = step.registry if step.step_class == "RegisterModel" else step.own or step.request or step.call
    request = close_inputs(composed["Arguments"], before, defaults)
    over = section.arguments if section else {}
    beside, over_request = split_given(step, over) if step.request or step.call else ({}, over)
    arguments = merge(request, over_request)
    members, asked = split_arguments(step)
    found: Mapped = {
        "Name": step.name,
        **composed,
        "Arguments": merge(arguments, asked),
        **retry_policies(step),
        **beside,
        **members,
        **dependencies(step),
    }
    found = without_own_key(found, context.graph, over, step.asked.arguments)
    return compose_gate(context, step, found) if step.step_class == "RegisterModel" else found


def _repack(context: Context, step: Step) -> list[Mapped]:
    if step.step_class not in ("CreateModel", "RegisterModel") or not needs_repack(step):
        return []
    return [compose_repack(context, step, context.trained(step))]


def owners_of(graph: Graph) -> Mapping[str, str]:
    """Return the conf's step behind each step that is composed for it."""
    return owners_among((step.name, made_for(step), nested_names(step)) for step in graph.steps)


def made_for(step: Step) -> tuple[str, ...]:
    """Return the names of all that may be composed for a step besides its own."""
    if step.step_class == "RegisterModel":
        gate = gate_name(step.name)
        return (gate, fail_name(step.name), *([else_name(gate)] if step.holder else []))
    if step.step_class == "Condition":
        return (else_name(step.name),) if step.holder and step.written else ()
    if not step.trains:
        return ()
    tops = range(MOST_TOP) if step.tune_name else ()
    return (repack_name(step), *(repack_name(step, top) for top in tops))


def owners_among(steps: Iterable[tuple[str, Iterable[str], Iterable[str]]]) -> Mapping[str, str]:
    """Return the owners of what is made for steps; each comes with the names of that, and of what stands inside it."""
    listed = [*steps]
    owners = {name: name for name, _, _ in listed}
    for name, made, inner in listed:
        owners |= dict.fromkeys(made, name)
        for one in inner:
            owners.setdefault(one, name)
    return owners
