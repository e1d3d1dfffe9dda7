"""An overview of what is composed: the steps as they are drawn, and where each model is registered."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline_builder.dag.outline import Node, flat_steps, outline
from pipeline_builder.definition.composed import Composed, Definition
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem


def nodes_of(composed: Composed) -> tuple[Node, ...]:
    """Return the graph as it is drawn: what the conf asks for, and what is composed around it."""
    graph, definition = composed.graph, composed.definition
    nodes = []
    for step in outline(definition.content):
        owner = graph.by_name[definition.owners[step.name]]
        own = step.name == owner.name
        nodes.append(
            Node(
                name=step.name,
                type=step.type,
                step_class=owner.kind if own else step.type,
                model=owner.unit.name,
                depends_on=step.depends_on,
            )
        )
    return tuple(nodes)


def models_of(definition: Definition) -> tuple[Node, ...]:
    """Return the steps with their models, as far as the definition tells: no graph is composed for it."""
    return tuple(
        Node(
            name=step.name,
            type=step.type,
            step_class=step.type,
            model=definition.units.get(step.name, ""),
            depends_on=step.depends_on,
        )
        for step in outline(definition.content)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A parameter that whoever starts an execution may give: `values` are the only ones, where there are any."""

    name: str
    type: str
    default: str | float | bool | None
    values: tuple[str, ...]
    description: str


def parameters_of(composed: Composed) -> tuple[Asked, ...]:
    """Return the parameters of the confs; those that a run sets itself are none of these."""
    return tuple(
        Asked(name=one.name, type=one.type, default=one.default, values=one.values, description=one.description)
        for one in composed.graph.parameters
    )


def find_group(composed: Composed, model: str) -> str:
    """Return the model package group of a model, by the model's name or its own.

    Raises:
        InputProblems: PB432 where there is no such model.
    """
    groups = groups_of(composed)
    if model not in groups:
        hint = did_you_mean(model, groups)
        raise InputProblems(Problem(id="PB432", message=f"there is no model '{model}'", hint=hint))
    return groups[model]


def groups_of(composed: Composed) -> dict[str, str]:
    """Return the model package group of each model that is registered, and each group under its own name too."""
    definition, by_name = composed.definition, composed.graph.by_name
    found = {group: group for group in definition.groups}
    for name, step in flat_steps(json.loads(definition.content)["Steps"]).items():
        arguments = step.get("Arguments") if isinstance(step, dict) else None
        group = arguments.get("ModelPackageGroupName") if isinstance(arguments, dict) else None
        if isinstance(group, str):
            found[by_name[definition.owners[name]].unit.name] = group
    return found
