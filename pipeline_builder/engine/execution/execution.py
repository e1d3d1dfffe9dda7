"""An execution on its way: who runs it, what its steps are at, and how it is run or gone on with."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.engine.document.document import Document, Step, load_definition, with_nested
from pipeline_builder.engine.document.flow import Flow, can_skip
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.execution.stubs import STUBS
from pipeline_builder.engine.state.catalogue import PIPELINE_ARN
from pipeline_builder.engine.state.state import State, now
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import Observer

if TYPE_CHECKING:  # who only looks at executions needs none of what runs them
    from pipeline_builder.engine.execution.engine import Engine
    from pipeline_builder.engine.execution.scheduler import Limits


def definition_of(state: State, arn: str) -> bytes:
    """Return the bytes that the execution runs.

    Raises:
        InputProblems: PB441 where there is no such execution.
    """
    rows = state.query("SELECT content FROM executions JOIN versions USING (pipeline, version) WHERE arn = ?", arn)
    if not rows:
        raise InputProblems(Problem(id="PB441", message=f"there is no execution '{arn}'"))
    return rows[0].content("content")


def list_steps(state: State, arn: str) -> tuple[StepState, ...]:
    """Return every step of the execution's definition, in topological order."""
    known = state.steps(arn)
    document = load_definition(definition_of(state, arn))
    skipped = _skipped(state, arn, document, known) if can_skip(document) else ()
    return tuple(
        replace(step, status=StepStatus.SKIPPED) if step.name in skipped else step
        for step in (known.get(item.name) or _waiting(item) for item in document.steps)
    )


def _skipped(state: State, arn: str, document: Document, known: Mapping[str, StepState]) -> set[str]:
    ends = {end: {s.name for s in known.values() if s.status is end} for end in (StepStatus.FAILED, StepStatus.STOPPED)}
    return Flow(state.results(arn), ends[StepStatus.FAILED], ends[StepStatus.STOPPED]).foresee(document.steps).skipped


def _waiting(step: Step) -> StepState:
    return StepState(name=step.name, type=step.type, status=StepStatus.WAITING, attempts=0)


def build_scope(
    document: Document, parameters: Mapping[str, str], execution: Mapping[str, str], store: LocalStore
) -> Scope:
    """Return what the references of an execution see before any step has ended."""
    return Scope(
        parameters=parameter_values(document, parameters),
        execution=execution,
        property_files={step.name: step.property_files for step in document.steps},
        read=store.get,
    )


def execution_variables(arn: str, pipeline: str, started: str = "") -> dict[str, str]:
    """Return the execution variables of a definition."""
    return {
        "PipelineExecutionId": arn.rsplit("/", 1)[-1],
        "PipelineExecutionArn": arn,
        "PipelineName": pipeline,
        "PipelineArn": f"{PIPELINE_ARN}/{pipeline}",
        "StartDateTime": started,
        "CurrentDateTime": started,
    }


def run_execution(
    engine: Engine, arn: str, observe: Observer, *, halt: threading.Event | None = None, revive: bool = False
) -> Execution:
    """Run the execution to its end, or where another process runs it already, watch it.

    One that has ended stays as it is; with `revive` one that was stopped before goes on, and not one that is stopped
    while it is watched. `halt` being set ends its jobs and leaves it as it is, for the next to go on with.
    """
    revive = revive and _known(engine.state, arn).status is ExecutionStatus.STOPPED
    with _owned(engine, arn, observe) as execution:
        if execution.status.ended and not (revive and execution.status is ExecutionStatus.STOPPED):
            return execution
        _run(engine, execution, observe, halt)
    return _known(engine.state, arn)


def _known(state: State, arn: str) -> Execution:
    execution = state.execution(arn)
    assert execution is not None
    return execution


def _run(engine: Engine, execution: Execution, observe: Observer, halt: threading.Event | None) -> None:
    from pipeline_builder.engine.execution.scheduler import Run
    from pipeline_builder.engine.jobs.forkserver import serving
    from pipeline_builder.engine.jobs.orphans import end_left
    from pipeline_builder.engine.jobs.records import close_jobs

    arn, state = execution.arn, engine.state
    document = load_definition(definition_of(state, arn))
    variables = execution_variables(arn, execution.pipeline, started=execution.started.isoformat())
    scope = build_scope(document, execution.parameters, variables, engine.store)
    close_jobs(state, arn)
    end_left(engine.jobs_folder, execution.id)
    # Whoever halts means to go on with it just as it was; a person who starts it again wants failed steps done again.
    state.begin_anew(arn)
    state.reset_steps(arn, keep_failed=halt is not None)
    state.begin_execution(arn)
    for step in list_steps(state, arn):
        if step.status is StepStatus.SUCCEEDED:
            observe(step)
    try:
        with serving(engine.jobs_folder / execution.id):
            status = Run(engine, execution, document, scope, limits=_limits(state, document, arn, halt)).run(observe)
    except KeyboardInterrupt:
        state.set_execution(arn, ExecutionStatus.STOPPED, ended=now(), reason="interrupted")
        raise
    except BaseException as error:
        state.set_execution(arn, ExecutionStatus.FAILED, ended=now(), reason=str(error))
        raise
    if status.ended:
        state.set_execution(arn, status, ended=now(), reason=_failure_reason(list_steps(state, arn)))


def _limits(state: State, document: Document, arn: str, halt: threading.Event | None) -> Limits:
    from pipeline_builder.engine.execution.scheduler import Limits

    details = state.details(arn)
    selected = (details.get("SelectiveExecutionConfig") or {}).get("SelectedSteps") or ()
    parallel = (details.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    return Limits(
        use_cache=state.uses_cache(arn),
        selected=with_nested(document, (str(step["StepName"]) for step in selected)),
        stubs=details.get(STUBS) or {},
        parallel=int(parallel) if parallel else None,
        halt=halt,
    )


@contextmanager
def _owned(engine: Engine, arn: str, observe: Observer) -> Iterator[Execution]:
    """Hold the execution's lock: the process that runs it has it, and loses it with its life, however that ends."""
    execution = _known(engine.state, arn)
    seen: dict[str, StepState] = {}
    while True:
        with own_lock(engine.jobs_folder / execution.id) as held:
            if held:
                yield _known(engine.state, arn)
                return
        for state in list_steps(engine.state, arn):
            if state.status is not StepStatus.WAITING and seen.get(state.name) != state:
                seen[state.name] = state
                observe(state)
        time.sleep(0.2)


@contextmanager
def own_lock(folder: Path) -> Iterator[bool]:
    """Try to hold the lock of an execution, which is in the folder of its jobs; tell whether it is held."""
    with _opened_lock(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        else:  # not that of a folder which is taken away just now
            held = _is_at(folder / "lock", lock)
        yield held


def is_held(folder: Path) -> bool:
    """Tell whether somebody holds the lock of an execution, also in a container that shares the folder, whose locks
    `machine.held` can't see. It is tried for a moment, which costs whoever wants it to run the execution one more try.
    """
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _opened_lock(folder: Path) -> IO[str]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder has been taken away in between
            return (folder / "lock").open("w")


def _failure_reason(states: Sequence[StepState]) -> str:
    """Return what a Fail step says, else which steps failed."""
    failed = [state for state in states if state.status is StepStatus.FAILED]
    said = [state.failure_reason for state in failed if state.type == "Fail"]
    names = ", ".join(state.name for state in failed if state.type != "Fail")
    return "; ".join([*said, *([f"steps failed: {names}"] if names else [])])
