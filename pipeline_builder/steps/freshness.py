"""Fingerprints of data: with `cache: {data: true}` a step's cached result stands only while its files are the same.

SageMaker's step cache compares requests and doesn't look at the data behind an address. So the request carries a
pipeline parameter in its environment, whose value at the start of an execution is a digest of the files' listing. The
definition itself stays the same, whatever the data.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.expressions import get
from pipeline_builder.graph import Graph, Step
from pipeline_builder.names import parameter_name
from pipeline_builder.steps.context import Mapped
from pipeline_builder.steps.data import files_of

VARIABLE = "SMP_DATA_FINGERPRINT"
"""The environment variable; its name says to whoever finds it in a job where it comes from."""


def data_parameters(graph: Graph) -> Mapping[str, str]:
    """Return the parameter of each step that is cached by its data, by the step's name."""
    return {
        step.name: parameter_name("Data", step.name)
        for step in graph.steps
        if step.job and step.job.cache.data and not without_data(step)
    }


def without_data(step: Step) -> str:
    """Return why there is nothing that the step's cached result could depend on; empty where there is."""
    if not step.asked.enable_cache:
        return "the step's cache is off"
    if step.job is None or not files_of(step.job.channels):
        return "it has no files of its own, and what other steps make is compared anyway"
    return ""


def data_addresses(step: Step) -> tuple[str, ...]:
    """Return the addresses of a step's own files, as a listing takes them.

    Raises:
        InputProblems: PB329 for an address that only an execution knows.
    """
    uris = [uri for _, _, uri in files_of(step.job.channels)] if step.job else []
    plain = tuple(uri for uri in uris if isinstance(uri, str))
    if len(plain) == len(uris):
        return plain
    message = f"step '{step.name}': 'cache.data' needs addresses that are known before the run, and one is a reference"
    hint = "write the address itself, or leave 'data' out and let the cache expire"
    raise InputProblems(Problem(id="PB329", message=message, place=step.section_place("cache"), hint=hint))


def with_fingerprint(arguments: Mapped, parameter: str) -> Mapped:
    """Return the request with the parameter in its environment."""
    environment = arguments.get("Environment")
    before = environment if isinstance(environment, dict) else {}
    return {**arguments, "Environment": {**before, VARIABLE: get(f"Parameters.{parameter}")}}
