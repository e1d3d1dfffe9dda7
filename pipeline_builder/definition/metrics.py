"""Metrics of trainings that nothing will ever be found for: their regular expressions are none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline_builder.conf.graph import Graph
from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.steps.keys import place_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at
from pipeline_builder.errors import Problem

_MEMBER = "MetricDefinitions"


def find_broken_metrics(definition: Definition, graph: Graph) -> Iterator[Problem]:
    """Yield a warning for each MetricDefinition whose expression can't be used."""
    if _MEMBER.encode() not in definition.content:
        return
    for name, step in flat_steps(json.loads(definition.content)["Steps"]).items():
        within = ("TrainingJobDefinition",) if member_at(step, ("Type",)) == "Tuning" else ()
        base = ("Arguments", *within, "AlgorithmSpecification", _MEMBER)
        found = member_at(step, base)
        for index, item in enumerate(found if isinstance(found, list) else ()):
            if why := _fault(member_at(item, ("Regex",))):
                path = (*base, index, "Regex")
                owner = graph.by_name.get(definition.owners.get(name, name))
                message = f"step '{name}': the metric '{member_at(item, ('Name',))}' will have no value: {why}"
                place = place_of(owner, path) if owner else None
                yield Problem(id="PB570", message=message, place=place, warning=True)


def _fault(expression: JSON) -> str:
    if not isinstance(expression, str):  # a reference, or none, which another check says
        return ""
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        return f"'{expression}' is no regular expression: {error}"
    return ""
