"""What is known of a run: the record that was kept of it, or what the target tells while it goes on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline_builder.console.look import FRESH, Look
from pipeline_builder.dag.outline import flat_steps, outline
from pipeline_builder.descriptions import JSON, Execution, StepState
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.record import RunRecord, StepRecord

if TYPE_CHECKING:
    from pipeline_builder.dag.outline import Node

ENDED = ("Succeeded", "Failed", "Stopped")
"""Words of steps that don't go on."""
_TAIL = 40
_MOMENT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that was found. `record` is all that is known of it now; `kept` says that it is the one that was kept.

    `execution` is what the target knows, None where it knows it no more.
    """

    record: RunRecord
    execution: Execution | None
    kept: bool

    @property
    def id(self) -> str:
        return self.record.execution.rsplit("/", 1)[-1]

    @property
    def going_on(self) -> bool:
        return self.execution is not None and not self.execution.status.ended


def read_run(look: Look, pipeline: str, identity: str) -> Run:
    """Return a run with its record.

    Raises:
        InputProblems: PB040 where nobody knows it.
    """
    execution = find_execution(look, pipeline, identity)
    kept = kept_record(look, pipeline, identity)
    if kept and (execution is None or (execution.status.ended and execution.status.value == kept.status)):
        return Run(record=kept, execution=execution, kept=True)
    if execution is None:
        raise InputProblems(_unknown(pipeline, identity))
    fresh = look.once(("run", execution.arn), FRESH, lambda: _collected(look, execution, kept))
    return Run(record=fresh, execution=execution, kept=False)


def _unknown(pipeline: str, identity: str) -> Problem:
    message = f"nothing is known of a run '{identity}' of the pipeline '{pipeline}'"
    hint = "it may be in another state or account: /runs lists those that are known"
    return Problem(id="PB040", message=message, hint=hint)


def find_execution(look: Look, pipeline: str, identity: str) -> Execution | None:
    """Return what the target knows of an execution, by its id; None where it is another pipeline's, or nobody's."""
    if look.target.name == "local":
        found = look.target.pipelines.describe_execution(identity)
        return found if found and found.pipeline == pipeline else None
    arn = _arn(look, pipeline, identity)
    if not arn:
        return None
    return look.target.pipelines.describe_execution(arn)


def _arn(look: Look, pipeline: str, identity: str) -> str:
    """Return the ARN of an execution on AWS, of which an address has the id only."""
    if known := look.index.run(pipeline, identity):
        return known.execution
    listed = look.target.pipelines.list_executions(pipeline)
    return next((one.arn for one in listed if one.id == identity), "")


def kept_record(look: Look, pipeline: str, identity: str) -> RunRecord | None:
    """Return the record that was kept of a run, its packages as the registry has them now."""
    from pipeline_builder.release.past.keeping import read_run as read_kept

    return look.once(("kept", pipeline, identity), FRESH, lambda: read_kept(look.target, pipeline, identity))


def _collected(look: Look, execution: Execution, kept: RunRecord | None) -> RunRecord:
    """Return the record of a run as it is now; what the kept one says about commits and triggers stays."""
    from pipeline_builder.release.past.remaking import remake

    nodes = look.known(("nodes", execution.definition_sha256), None, lambda: _nodes(look, execution))
    record = collect(execution, look.target, nodes=nodes, tails=False, reasons=False)
    if execution.status.ended and kept is None:  # an older version's: what it was judged by may be there
        record = look.attempt(lambda: remake(record, look.target), record)
    steps = tuple(_with_tail(look, execution, step) if step.status == "Failed" else step for step in record.steps)
    said = {"trigger": kept.trigger, "repos": kept.repos, "date": kept.date, "kind": kept.kind} if kept else {}
    return record.model_copy(update={"steps": steps, **said})


def is_left(look: Look, execution: str, started: datetime) -> bool:
    """Tell of a run that goes on whether its command was killed; one that has just begun may not have it yet."""
    pipelines = look.target.pipelines
    if (look.now() - started).total_seconds() <= _MOMENT or pipelines.is_at_work(execution):
        return False
    found = pipelines.describe_execution(execution)  # it may have ended just now, or somebody goes on with it
    return found is not None and not found.status.ended and not pipelines.is_at_work(execution)


def _with_tail(look: Look, execution: Execution, step: StepRecord) -> StepRecord:
    part = look.attempt(lambda: look.target.pipelines.read_log_part(execution.arn, step.name), None)
    lines = tuple(part.text.splitlines()[-_TAIL:]) if part else ()
    return step.model_copy(update={"log_tail": lines})


def _nodes(look: Look, execution: Execution) -> tuple[Node, ...]:
    """Return the steps as the confs name them, where what runs is what the checkouts compose; they only add words."""
    from pipeline_builder.release.overview import nodes_of

    for session in look.sessions.values():
        with contextlib.suppress(PipelineBuilderError):  # the page of the plan says it; this one is about what ran
            if session.composed.definition.sha256 == execution.definition_sha256:
                return tuple(nodes_of(session.composed))
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of a run's definition: as written, and what each needs. `states` are what the target tells of them."""

    written: Mapping[str, JSON]
    before: Mapping[str, tuple[str, ...]]
    states: Mapping[str, StepState]


def read_steps(look: Look, run: Run) -> Steps:
    """Return the steps of a run as its definition has them; nothing where that is no longer known."""
    if run.execution is None:
        return Steps(written={}, before={}, states={})
    arn, pipelines = run.execution.arn, look.target.pipelines
    content = look.known(("definition", arn), None, lambda: pipelines.definition_of(arn))
    states = pipelines.list_steps(arn)
    return Steps(
        written=flat_steps(json.loads(content).get("Steps")),
        before={step.name: step.depends_on for step in outline(content)},
        states={state.name: state for state in states},
    )


def find_step(run: Run, name: str) -> StepRecord:
    """Return a step of a run.

    Raises:
        InputProblems: PB041 where it has none of this name.
    """
    from pipeline_builder.documents.schema import did_you_mean

    found = next((step for step in run.record.steps if step.name == name), None)
    if found is None:
        message = f"the run '{run.id}' has no step '{name}'"
        hint = did_you_mean(name, [step.name for step in run.record.steps])
        raise InputProblems(Problem(id="PB041", message=message, hint=hint))
    return found
