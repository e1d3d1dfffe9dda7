"""Which execution is meant: the one that is named, the last, or the only one that goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline_builder.descriptions import Execution, ExecutionStatus
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import PipelineService

Listed = Callable[[], Sequence[Execution]]
"""Gives the executions, newest first."""


_NOTHING = Problem(id="PB440", message="nothing has run yet", hint="run 'pipeline-builder up'")


def find_execution(service: PipelineService, listed: Listed, name: str = "") -> Execution:
    """Return the named execution (ARN or id), or the newest.

    Raises:
        InputProblems: PB440 where there is none at all, PB441 where none has that name.
    """
    if name and (found := service.describe_execution(name)):
        return found
    executions = listed()
    if name:
        named = next((e for e in executions if e.id == name), None)
        if named is None:
            known = ", ".join(e.id for e in executions[:5]) or "none"
            message = f"there is no execution '{name}'"
            raise InputProblems(Problem(id="PB441", message=message, hint=f"the newest are: {known}"))
        return service.describe_execution(named.arn) or named
    if not executions:
        raise InputProblems(_NOTHING)
    return executions[0]


def find_running(service: PipelineService, listed: Listed, name: str = "") -> Execution:
    """Return the named execution, or the only one that goes on; where none does, the newest.

    Raises:
        InputProblems: PB450 where none is named and several go on; those of `find_execution`.
    """
    if not name:
        running = [e for e in listed() if not e.status.ended]
        if len(running) > 1:
            raise InputProblems(ambiguous(running))
        name = running[0].arn if running else ""
    return find_execution(service, listed, name)


def find_failed(service: PipelineService, listed: Listed, name: str = "", own: str = "") -> Execution:
    """Return the named execution, or the newest, to go on with; `own` is the ARN of the last run's record.

    Raises:
        InputProblems: PB450 where none is named, the own one failed, and somebody else's goes on by now; PB443 where it
            has nothing left to do; those of `find_execution`.
    """
    found = find_execution(service, listed, name)
    if not name and own not in ("", found.arn) and not found.status.ended:
        mine = service.describe_execution(own)
        if mine and mine.status in (ExecutionStatus.FAILED, ExecutionStatus.STOPPED):
            raise InputProblems(ambiguous((found, mine)))
    if found.status in (ExecutionStatus.SUCCEEDED, ExecutionStatus.COMPLETED_WITH_FAILURES):
        message = f"the execution '{found.id}' is {found.status.value}, only Failed or Stopped ones go on"
        raise InputProblems(Problem(id="PB443", message=message, hint="'run --rerun' does everything anew"))
    return found


def ambiguous(found: Sequence[Execution]) -> Problem:
    """Return what is said where one of several can be meant."""
    names = ", ".join(f"'{e.id}' ({e.pipeline}, {e.status.value}, since {e.started:%Y-%m-%d %H:%M} UTC)" for e in found)
    message = f"{len(found)} executions can be meant, and none is named: {names}"
    return Problem(id="PB450", message=message, hint="name one: its id, or its ARN")


def undecided(record: Path, known: Sequence[Execution]) -> Problem:
    """Return what is said where none is named, and there is no record of a run to decide about."""
    if not known:
        return _NOTHING
    message = f"there is no record of a run in '{os.path.relpath(record)}', so which one is to be decided about"
    names = ", ".join(execution.id for execution in known[:5])
    return Problem(id="PB440", message=message, hint=f"name the execution; the newest are: {names}")


def stop(service: PipelineService, execution: Execution) -> Execution:
    """Stop an execution, and return it when it has stopped; one that has ended stays as it is."""
    if not execution.status.ended:
        service.stop_execution(execution.arn)
    while not execution.status.ended:
        time.sleep(0.5)
        execution = service.describe_execution(execution.arn) or execution
    return execution
