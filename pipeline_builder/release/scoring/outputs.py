"""Outputs of an inference run: where each model's predictions, and what monitoring says of them, have been left."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.dag.requests import Ran, RanOf, inputs_of, outputs_of, read_ran
from pipeline_builder.descriptions import StepState
from pipeline_builder.target import Target

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Graph, Step
    from pipeline_builder.descriptions import Execution

PREDICTIONS, MONITOR = "predictions", "monitor"
"""The names of the outputs that are published, where a step has several, and of a Monitor step's."""
REPORT = "monitor.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where a model's predictions are (a prefix with `/` at its end), and the report of its Monitor step; empty where
    there is none. `given` are the prefixes and addresses of what was to be scored.
    """

    predictions: str = ""
    monitor: str = ""
    step: str = ""
    given: tuple[str, ...] = ()


def find_outputs(execution: Execution, target: Target, graph: Graph) -> Mapping[str, Outputs]:
    """Return the outputs of each model of an execution: of steps whose results it has taken those of their source."""
    ran = ran_by(execution, target)
    return {unit: _outputs(steps, ran) for unit, steps in graph.by_unit.items()}


def ran_by(execution: Execution, target: Target) -> RanOf:
    """Return what tells of each step which execution has made its result, and with what."""

    @functools.cache
    def ran(arn: str) -> Ran:
        found = execution if arn == execution.arn else target.pipelines.describe_execution(arn)
        parameters = found.parameters if found else {}
        return read_ran(target.pipelines.definition_of(arn), parameters, arn)

    @functools.cache
    def states(arn: str) -> Mapping[str, StepState]:
        return {state.name: state for state in target.pipelines.list_steps(arn)}

    @functools.cache
    def source(step: str) -> str:
        arn, seen = execution.arn, set[str]()
        while (state := states(arn).get(step)) and arn not in seen:
            seen.add(arn)
            arn = state.cache_hit or state.taken_from or arn
        return arn

    return lambda step: ran(source(step))


def _outputs(steps: Sequence[Step], ran: RanOf) -> Outputs:
    from pipeline_builder.conf.predicting import predicting, scored_by

    scoring = predicting(steps)
    if scoring is None:
        return Outputs()
    outputs = outputs_of(scoring.name, ran)
    report = _monitor(steps, ran)
    return Outputs(
        predictions=_folder(predicted(outputs)),
        monitor=f"{_folder(report)}{REPORT}" if report else "",
        step=scoring.name,
        given=_given(scored_by(steps) or scoring, ran),
    )


def _monitor(steps: Sequence[Step], ran: RanOf) -> str:
    """Return where a Monitor step has left its report, or a Processing step whose script writes one as that does."""
    watching = [step for step in steps if step.kind == "Monitor"] or [s for s in steps if s.step_class == "Processing"]
    return next(filter(None, (outputs_of(step.name, ran).get(MONITOR, "") for step in reversed(watching))), "")


def predicted(outputs: Mapping[str, str]) -> str:
    """Return which of a step's outputs is published: the only one, or the one of that name; empty where none is."""
    return outputs.get(PREDICTIONS, "") if len(outputs) > 1 else next(iter(outputs.values()), "")


def _folder(address: str) -> str:
    return f"{address.rstrip('/')}/" if address else ""


def _given(step: Step, ran: RanOf) -> tuple[str, ...]:
    """Return where the rows to be scored are: what a Transform reads, or data that a Processing job does, but for
    its code and its model; nothing where a list of files says it.
    """
    from pipeline_builder.conf.belonging import channel_of

    own = {"code", "requirements", channel_of(step)} - {""}
    inputs = [(uri, kind) for name, uri, kind in inputs_of(step.name, ran) if uri and name not in own]
    return () if any(kind != "S3Prefix" for _, kind in inputs) else tuple(uri for uri, _ in inputs)
