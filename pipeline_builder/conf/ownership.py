"""Whose a step is: the repository's whose conf defines its model, wherever its code and `sagemakerPipeline` lie."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.conf.units import Step
from pipeline_builder.errors import Problem


def check_arguments(steps: Iterable[Step], problems: list[Problem]) -> None:
    """Refuse a step's `arguments` for another repository's model: they would be requests in that one's name."""
    for step in steps:
        if not step.asked.arguments or step.conf.repo == step.repository:
            continue
        message = (
            f"step '{step.name}': 'arguments' for the model '{step.unit.name}' of the repository '{step.repository}', "
            f"whose own conf alone may say what its jobs ask for"
        )
        place = step.conf.document.place((*step.path, "arguments"), key=True)
        model = step.unit.conf.document.place(step.unit.path, key=True)
        hint = f"list the step under a model of '{step.conf.repo}'"  # one that has no section anywhere
        if step.section_name:
            hint = f"write them as 'arguments' of the section '{step.section_name}' there"
        problems.append(Problem(id="PB643", message=message, place=place, related=(model,), hint=hint))
