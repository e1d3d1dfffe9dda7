"""The graph of steps: all conf files of all repositories combined, every name resolved, in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.conf.belonging import check_kind
from pipeline_builder.conf.branching import place_branches
from pipeline_builder.conf.conf import ModelConf
from pipeline_builder.conf.containers import check_containers
from pipeline_builder.conf.edges import (
    check_chains,
    check_references,
    check_top,
    explicit_edges,
    missing_siblings,
    reach,
    steps_by_unit,
    topological_order,
    with_edges,
    without_broken,
)
from pipeline_builder.conf.ownership import check_arguments
from pipeline_builder.conf.parameters import ParameterSection, check_parameters
from pipeline_builder.conf.sdk import MadeSteps
from pipeline_builder.conf.units import Step, Unit, build_steps, build_units, collect_models, find_pipeline
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.pipelines import Kind

__all__ = ["Graph", "Step", "Unit", "build_graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The whole DAG; `steps` are in topological order, stable against the order of the files."""

    pipeline: str
    steps: tuple[Step, ...]
    by_name: Mapping[str, Step]
    by_unit: Mapping[str, tuple[Step, ...]]
    units: Mapping[str, Unit]
    parameters: tuple[ParameterSection, ...] = ()
    kind: Kind = "training"

    def ancestors(self, name: str) -> frozenset[str]:
        """Return every step that the step depends on, directly or not."""
        return frozenset(reach(name, lambda step: self.by_name[step].depends_on))


def build_graph(confs: Iterable[ModelConf], *, training_dir: Path, default_source: str = "") -> Graph:
    """Combine the files into one graph.

    `training_dir` is where the repositories are checked out, `default_source` the source directory of models that name
    none.

    Raises:
        InputProblems: PB301 to PB318, all of them.
    """
    graph, problems = read_graph(confs, training_dir=training_dir, default_source=default_source)
    if graph is None or problems:
        raise InputProblems(*problems)
    return graph


def read_graph(
    confs: Iterable[ModelConf],
    *,
    training_dir: Path,
    default_source: str = "",
    made: Mapping[str, MadeSteps] | None = None,
) -> tuple[Graph | None, list[Problem]]:
    """Combine the files into what can be combined of them, and every problem in that.

    `made` are the steps of each model that has a factory. With problems the graph lacks the steps and links that they
    are about; without steps, or with a cycle, it is None.
    """
    files = tuple(confs)
    problems: list[Problem] = []
    models = collect_models(files, problems)
    owner, pipeline = find_pipeline(files, problems)
    if owner is None or pipeline is None:
        return None, problems
    units = build_units(models, pipeline, training_dir, default_source, problems)
    steps = build_steps(owner, pipeline, models, units, problems, made=made)
    edges = explicit_edges(owner, pipeline, steps, problems)
    holders = place_branches(steps, problems)
    check_containers(steps, problems)
    check_chains(steps, problems)
    check_top(steps, problems)
    check_arguments(steps.values(), problems)
    check_kind(units, steps, problems)
    check_parameters(owner.document, pipeline.parameters, problems, infers=owner.kind == "inference")
    check_references(pipeline, steps, problems)
    if not problems:
        problems.extend(missing_siblings(steps))
    if problems:
        steps, edges = without_broken(steps, edges)
    try:
        ordered = topological_order(with_edges(steps, edges, _there(holders, steps)), owner)
    except InputProblems as error:
        return None, [*problems, *error.problems]
    graph = Graph(
        pipeline=pipeline.name,
        steps=ordered,
        by_name={step.name: step for step in ordered},
        by_unit=steps_by_unit(ordered),
        units=units,
        parameters=pipeline.parameters,
        kind=owner.kind,
    )
    return graph if ordered else None, problems


def _there(holders: Mapping[str, tuple[str, str]], steps: Mapping[str, Step]) -> dict[str, tuple[str, str]]:
    """Return the branches whose Condition step is there."""
    return {name: held for name, held in holders.items() if held[0] in steps}
