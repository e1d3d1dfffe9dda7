"""Run: start an execution of the applied pipeline, or find the one that has done the same work already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.target import DeployedPipeline, Execution, ExecutionStatus, Observer, PipelineService, Selection

Origin = Literal["started", "continued", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The execution to follow. `unchanged` is one that has succeeded with the same definition, data and images."""

    execution: Execution
    origin: Origin


def start(
    service: PipelineService,
    pipeline: DeployedPipeline,
    parameters: Mapping[str, str],
    *,
    rerun: bool,
    selection: Selection | None = None,
) -> Start:
    """Return the execution for this pipeline version.

    One that was interrupted is gone on with, one that has succeeded with the same fingerprint is taken as it is; after
    a failure a new one starts, and with `rerun` one that takes nothing from the step cache. A `selection` makes another
    execution of it.
    """
    fingerprint = service.fingerprint(pipeline.definition, parameters)
    if selection:
        parts = (fingerprint, selection.source, *selection.steps)
        fingerprint = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    same = [e for e in service.list_executions(pipeline.name) if e.fingerprint == fingerprint]
    newest = same[0] if same else None
    if newest and not rerun:
        match newest.status:
            case ExecutionStatus.SUCCEEDED:
                return Start(execution=newest, origin="unchanged")
            case ExecutionStatus.EXECUTING | ExecutionStatus.STOPPING:
                return Start(execution=newest, origin="continued")
            case ExecutionStatus.STOPPED:
                return Start(execution=service.retry_execution(newest.arn), origin="continued")
            case _:
                pass
    started = service.start_execution(
        pipeline.name, pipeline.version, parameters, fingerprint=fingerprint, use_cache=not rerun, selection=selection
    )
    return Start(execution=started, origin="started")


def find_unchanged(
    service: PipelineService, pipeline: str, definition: bytes, parameters: Mapping[str, str]
) -> Execution | None:
    """Return the execution that a run of this definition would take as it is; None where it would start one."""
    fingerprint = service.fingerprint(definition, parameters)
    newest = next((e for e in service.list_executions(pipeline) if e.fingerprint == fingerprint), None)
    return newest if newest and newest.status is ExecutionStatus.SUCCEEDED else None


def find_last(service: PipelineService, pipeline: str) -> Execution:
    """Return the newest execution that succeeded; whoever asks knows that there is one."""
    return next(e for e in service.list_executions(pipeline) if e.status is ExecutionStatus.SUCCEEDED)


def follow(service: PipelineService, begun: Start, observe: Observer) -> Execution:
    """Return the execution when it has ended, whatever its end."""
    if begun.origin == "unchanged":
        return begun.execution
    return service.follow_execution(begun.execution.arn, observe)
