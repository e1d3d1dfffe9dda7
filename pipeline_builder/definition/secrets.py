"""Secrets in a definition, which everybody reads who may describe the pipeline: they are refused."""

from __future__ import annotations

from dataclasses import replace

from pipeline_builder.conf.calls import RESERVED
from pipeline_builder.conf.containers import containers_of
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.definition.steps.keys import place_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import find_loose, find_secrets, looks_like_secret
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Problem

# Classes whose requests are read by others than SageMaker: any member may hold one.
_LOOSE = ("Callback", "EMR", "EMRServerless", "Fail", "Lambda", "Raw")
_READABLE = "everybody who may read the pipeline would see it: keep it in AWS Secrets Manager, and give its name"


def secrets_of(step: Step, arguments: JSON) -> list[Problem]:
    """Refuse values of a step's request that look like secrets."""
    found = [_refused(step, key, member) for member, key in find_secrets(arguments)]
    if step.step_class in _LOOSE:
        found += [_loose(step, path, key) for path, key in find_loose(arguments)]
    return found


def _loose(step: Step, path: DataPath, key: str) -> Problem:
    """Refuse one of what a function, a queue, a cluster or a message is handed."""
    name = key.removeprefix(f"{RESERVED}env_")
    variable = step.section_place("environment", name) if name != key else None
    place = replace(variable or place_of(step, ("Arguments", *path)), text="")
    message = f"step '{step.name}': the value of '{name}' looks like a secret"
    return Problem(id="PB328", message=message, place=place, hint=_READABLE)


def _refused(step: Step, key: str, member: str) -> Problem:
    """Refuse what looks like a secret; its line isn't shown, and neither is its value."""
    spelling = {"Environment": "env", "HyperParameters": "hyperparams", "ContainerArguments": "args"}[member]
    spelling = "parameters" if step.step_class == "NotebookJob" and spelling == "hyperparams" else spelling
    own = next((i for i, one in enumerate(containers_of(step)) if key in one.env), None)
    holder = ("containers", own) if own is not None else ()
    place = replace(step.section_place(*holder, spelling, key), text="")
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
