"""Secrets in a definition, which everybody reads who may describe the pipeline: they are refused."""

from __future__ import annotations

from dataclasses import replace

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import find_secrets, looks_like_secret
from pipeline_builder.errors import Problem

_READABLE = "everybody who may read the pipeline would see it: keep it in AWS Secrets Manager, and give its name"


def secrets_of(step: Step, arguments: JSON) -> list[Problem]:
    """Refuse values of a step's request that look like secrets."""
    return [_refused(step, key, member) for member, key in find_secrets(arguments)]


def _refused(step: Step, key: str, member: str) -> Problem:
    """Refuse what looks like a secret; its line isn't shown, and neither is its value."""
    spelling = {"Environment": "env", "HyperParameters": "hyperparams", "ContainerArguments": "args"}[member]
    place = replace(step.section_place(spelling, key), text="")
    message = f"step '{step.name}': the value of '{key}' in '{spelling}' looks like a secret"
    return Problem(id="PB328", message=message, place=place, hint=_READABLE)


def secret_defaults(graph: Graph) -> list[Problem]:
    """Refuse defaults of parameters that look like secrets."""
    document = graph.steps[0].conf.document
    problems = []
    for index, parameter in enumerate(graph.parameters):
        if isinstance(parameter.default, str) and looks_like_secret(parameter.name, parameter.default):
            place = document.place(("conf", "sagemakerPipeline", "parameters", index, "default"))
            message = f"the default of the parameter '{parameter.name}' looks like a secret"
            problems.append(Problem(id="PB328", message=message, place=replace(place, text=""), hint=_READABLE))
    return problems
