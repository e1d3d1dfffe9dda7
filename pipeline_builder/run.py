"""Run: start an execution of the applied pipeline, or find the one that has done the same work already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.caching import PARAMETER, always_cached, with_generation
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import (
    DeployedPipeline,
    Execution,
    ExecutionStatus,
    Observer,
    PipelineService,
    Selection,
)

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

    Raises:
        InputProblems: PB460 for steps whose cache can't be left out of it.
    """
    fingerprint = service.fingerprint(pipeline.definition, parameters)
    if selection:
        parts = (fingerprint, selection.source, *selection.steps)
        fingerprint = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    executions = service.list_executions(pipeline.name)
    same = [e for e in executions if e.fingerprint == fingerprint]
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
    if rerun and not service.can_skip_cache:
        _check_skippable(pipeline)
    values = with_generation(pipeline.definition, parameters, executions)
    started = service.start_execution(
        pipeline.name, pipeline.version, values, fingerprint=fingerprint, use_cache=not rerun, selection=selection
    )
    return Start(execution=started, origin="started")


def cached_parameters(
    service: PipelineService, pipeline: str, definition: bytes, parameters: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the parameters with which an execution would start that takes from the step cache what it can."""
    return with_generation(definition, parameters, service.list_executions(pipeline))


def _check_skippable(pipeline: DeployedPipeline) -> None:
    """A service without a switch takes what it has of every cached step that carries no generation."""
    if names := always_cached(pipeline.definition):
        shown = ", ".join(f"'{name}'" for name in names)
        version = f"version {pipeline.version} of '{pipeline.name}'"
        message = f"{version} can't run without the step cache: nothing in it keeps SageMaker's from answering {shown}"
        hint = "run 'pipeline-builder apply', and then run again"
        raise InputProblems(Problem(id="PB460", message=message, hint=hint))


def check_given(given: Iterable[str], own: Iterable[str]) -> None:
    """Refuse values for parameters that a run sets itself: commits, fingerprints, the cache's generation.

    Raises:
        InputProblems: PB505, each of them.
    """
    if taken := sorted({*given} & {*own}):
        raise InputProblems(*(_set_by_run(name) for name in taken))


def _set_by_run(name: str) -> Problem:
    hint = "leave it out; '--rerun' takes nothing from the step cache" if name == PARAMETER else "leave it out"
    return Problem(id="PB505", message=f"the parameter '{name}' can't be given: a run sets it itself", hint=hint)


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
