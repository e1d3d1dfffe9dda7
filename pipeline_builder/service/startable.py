"""Startable: whether what starts the service's runs gives them all that they need; nobody is asked for values there."""

from __future__ import annotations

import json

from pipeline_builder.dag.outline import by_name
from pipeline_builder.definition.composed import Composed, Definition
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import Problem

_PATH = ("conf", "sagemakerPipeline", "parameters")


def find_unstartable(composed: Composed) -> tuple[Problem, ...]:
    """Return each parameter of the confs that has no default: what a run sets itself is none of these."""
    missing = _without_default(composed.definition)
    if not missing:
        return ()
    graph = composed.graph
    document = graph.steps[0].conf.document
    return tuple(
        Problem(
            id="PB726",
            message=f"the parameter '{one.name}' has no default, and nothing that starts the service's runs gives it",
            place=document.place((*_PATH, number, "name")),
            hint="give it a default; 'run --parameter' and 'up --parameter' take other values",
        )
        for number, one in enumerate(graph.parameters)
        if one.name in missing
    )


def _without_default(definition: Definition) -> frozenset[str]:
    document: JSON = json.loads(definition.content)
    declared = by_name(document.get("Parameters")) if isinstance(document, dict) else {}
    open_ = {name for name, one in declared.items() if isinstance(one, dict) and "DefaultValue" not in one}
    return frozenset(open_.difference(definition.own_parameters))
