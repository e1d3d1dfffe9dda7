"""Run: start an execution of the applied pipeline, or find the one that has done the same work already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.dag.caching import COMPARED, always_cached, with_generation
from pipeline_builder.descriptions import DeployedPipeline, Execution, ExecutionStatus, Selection
from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused, Problem
from pipeline_builder.machine.deadline import whole
from pipeline_builder.release.ageing import unexpired_fingerprint
from pipeline_builder.release.executions import stop
from pipeline_builder.release.parameters import started_for
from pipeline_builder.release.superseded import Superseded, never
from pipeline_builder.target import Observer, PipelineService

Origin = Literal["started", "continued", "unchanged", "followed", "done"]
# What the service refuses for reasons of its own, which stay; others pass.
_REFUSED = "PB707"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The execution to follow. `unchanged` is one that has succeeded with the same definition, data and images, `done`
    one that its own cause started, and that has ended.

    `foreign` is one that somebody else has started and that goes on: it isn't this command's to stop.
    """

    execution: Execution
    origin: Origin
    foreign: bool = False

    @property
    def ended(self) -> bool:
        """Whether there is nothing to follow."""
        return self.origin in ("unchanged", "done")


Note = Callable[[Start], None]
"""Called as soon as an execution is begun, before the time of a command can end: so it is known what to stop."""


def _nobody(begun: Start) -> None:
    del begun


def start(
    service: PipelineService,
    pipeline: DeployedPipeline,
    parameters: Mapping[str, str],
    *,
    rerun: bool,
    selection: Selection | None = None,
    cause: str = "",
    note: Note = _nobody,
    superseded: Superseded = never,
) -> Start:
    """Return the execution for this pipeline version.

    One that was interrupted is gone on with, one that has succeeded with the same fingerprint is taken as it is, where
    it isn't `superseded`; after a failure a new one starts, and with `rerun` one that takes nothing from the step
    cache. A `selection` makes another execution of it. A `cause`, the execution of CodePipeline that this is for,
    starts one at most.

    Raises:
        InputProblems: PB460 for steps whose cache can't be left out of it.
    """
    fingerprint = service.fingerprint(pipeline.definition, parameters)
    if selection:
        parts = (fingerprint, selection.source, *selection.steps)
        fingerprint = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    executions = service.list_executions(pipeline.name)
    fingerprint, newest = _standing(service, pipeline.definition, fingerprint, executions, superseded)
    if newest and not rerun:
        match newest.status:
            case ExecutionStatus.SUCCEEDED:
                return Start(execution=newest, origin="unchanged")
            case ExecutionStatus.EXECUTING | ExecutionStatus.STOPPING:
                return Start(execution=newest, origin="continued", foreign=newest.cause != cause)
            case ExecutionStatus.STOPPED if newest.cause == cause or not cause:
                return retry(service, newest, note=note)  # somebody else's would bear no trace of this cause
            case _:
                pass
    if rerun and not service.can_skip_cache:
        _check_skippable(pipeline)
    values = with_generation(pipeline.definition, parameters, executions)
    with whole():
        started = service.start_execution(
            pipeline.name, pipeline.version, values,
            fingerprint=fingerprint, use_cache=not rerun, selection=selection, cause=cause,
        )  # fmt: skip
        # One that was listed before was started by a call that said the same: a first try of this, or another command.
        known = any(execution.arn == started.arn for execution in executions)
        note(begun := Start(execution=started, origin="followed" if known else "started"))
    return begun


def go_on(service: PipelineService, own: Execution, pipeline: DeployedPipeline, *, note: Note = _nobody) -> Start:
    """Return the execution that a cause has started already, as it is, or going on from where it failed.

    Raises:
        PlanRefused: PB451 where it runs another definition than is to run now.
        OutsideFailure: PB453 where the service doesn't go on with it.
    """
    if service.definition_of(own.arn) != pipeline.definition:
        message = f"the execution '{own.id}', which this execution of CodePipeline has started, runs another definition"
        hint = "what stages are set to has changed since: let the pipeline run anew"
        raise PlanRefused(Problem(id="PB451", message=message, hint=hint))
    if own.status is ExecutionStatus.STOPPING:
        own = stop(service, own)
    match own.status:
        case ExecutionStatus.FAILED | ExecutionStatus.STOPPED:
            return retry(service, own, note=note)
        case ExecutionStatus.EXECUTING:
            return Start(execution=own, origin="followed")
        case _:
            return Start(execution=own, origin="done")


def retry(service: PipelineService, execution: Execution, *, note: Note = _nobody) -> Start:
    """Let a failed or stopped execution go on where it was.

    Raises:
        OutsideFailure: PB453 where the service refuses it for good.
    """
    try:
        with whole():
            note(begun := Start(execution=service.retry_execution(execution.arn), origin="continued"))
    except OutsideFailure as error:
        if all(problem.id != _REFUSED for problem in error.problems):
            raise
        message = f"the execution '{execution.id}' can't be gone on with, and nothing was started in its place"
        hint = "start anew: 'pipeline-builder run --rerun', or the service's pipeline from its beginning"
        raise OutsideFailure(*error.problems, Problem(id="PB453", message=message, hint=hint)) from error
    return begun


def resume(execution: Execution, *, mine: bool = False) -> Start:
    """Return an execution as one to follow, whatever definition it runs; what a cause has started may be `mine`."""
    return Start(execution=execution, origin="followed", foreign=bool(execution.cause) and not mine)


def describe_start(begun: Start) -> str:
    """Say in a line which execution it is, and of what an earlier one was made."""
    execution = begun.execution
    match begun.origin:
        case "unchanged":
            commit = started_for(execution)
            of = f" (commit {commit[:7]})" if commit else ""
            at = f"{execution.started:%Y-%m-%d %H:%M} UTC"
            return (
                f"nothing changed since execution {execution.id} of {at}{of}: "
                "same definition, data and images; --rerun runs anew"
            )
        case "continued":
            return f"continuing execution {execution.id}; what has succeeded stays"
        case "followed":
            return f"following execution {execution.id}"
        case "done":
            return f"execution {execution.id} of this execution of CodePipeline has ended already"
        case "started":
            return f"execution {execution.id} started"


def _check_skippable(pipeline: DeployedPipeline) -> None:
    """A service without a switch takes what it has of every cached step that carries no generation."""
    if names := always_cached(pipeline.definition):
        shown = ", ".join(f"'{name}'" for name in names)
        version = f"version {pipeline.version} of '{pipeline.name}'"
        message = f"{version} can't run without the step cache: nothing in it keeps SageMaker's from answering {shown}"
        hint = "run 'pipeline-builder apply', and then run again"
        if unable := next((name for name, kind in names.items() if kind not in COMPARED), ""):
            hint = f"first take 'enable_cache' out of '{unable}' (PB890); then {hint}"
        raise InputProblems(Problem(id="PB460", message=message, hint=hint))


def find_unchanged(
    service: PipelineService,
    pipeline: str,
    definition: bytes,
    parameters: Mapping[str, str],
    superseded: Superseded = never,
) -> Execution | None:
    """Return the execution that a run of this definition would take as it is; None where it would start one."""
    newest = _newest(service, pipeline, definition, parameters, superseded)
    return newest if newest and newest.status is ExecutionStatus.SUCCEEDED else None


def find_open(
    service: PipelineService,
    pipeline: str,
    definition: bytes,
    parameters: Mapping[str, str],
    superseded: Superseded = never,
) -> Execution | None:
    """Return the execution of everything in this definition that a run would go on with; None where there is none."""
    newest = _newest(service, pipeline, definition, parameters, superseded)
    going = (ExecutionStatus.EXECUTING, ExecutionStatus.STOPPING, ExecutionStatus.STOPPED)
    return newest if newest and newest.status in going else None


def _newest(
    service: PipelineService,
    pipeline: str,
    definition: bytes,
    parameters: Mapping[str, str],
    superseded: Superseded,
) -> Execution | None:
    """Return the newest execution of the work that a run of everything in this definition would do."""
    executions, fingerprint = service.list_executions(pipeline), service.fingerprint(definition, parameters)
    return _standing(service, definition, fingerprint, executions, superseded)[1]


def _standing(
    service: PipelineService,
    definition: bytes,
    fingerprint: str,
    executions: Sequence[Execution],
    superseded: Superseded,
) -> tuple[str, Execution | None]:
    """Return the fingerprint of a run and the newest execution that has it; another one where what had it counts no
    more, because results have expired, or because others have come in its place.
    """
    while True:
        fingerprint = unexpired_fingerprint(service, definition, fingerprint, executions)
        at, newest = next(((i, e) for i, e in enumerate(executions) if e.fingerprint == fingerprint), (0, None))
        if newest is None or newest.status is not ExecutionStatus.SUCCEEDED or not superseded(newest, executions[:at]):
            return fingerprint, newest
        fingerprint = hashlib.sha256(f"{fingerprint}\0superseded\0{newest.arn}".encode()).hexdigest()


def follow(service: PipelineService, begun: Start, observe: Observer) -> Execution:
    """Return the execution when it has ended, whatever its end."""
    if begun.ended:
        return begun.execution
    return service.follow_execution(begun.execution.arn, observe)
