"""The record of a rehearsal, `state.json`: written after every change, so that a killed one can go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import write_file
from pipeline_builder.service.rehearsal.template import Pipeline

STATE = "state.json"
Status = Literal["Waiting", "InProgress", "Pending", "Succeeded", "Failed", "Skipped"]
"""Pending is an approval that nobody has given yet; the others are CodePipeline's words."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhaseRecord(_Frozen):
    """A phase of a build; `command` is the one that failed, with its exit code."""

    name: str
    status: Literal["Succeeded", "Failed", "TimedOut"]
    seconds: float
    command: str = ""
    exit_code: int = 0


class ReportRecord(_Frozen):
    """The tests of a report group, counted."""

    name: str
    tests: int
    failed: int
    skipped: int


class BuildRecord(_Frozen):
    """A build that an action has made."""

    project: str
    number: int
    id: str
    log: str
    phases: tuple[PhaseRecord, ...] = ()
    reports: tuple[ReportRecord, ...] = ()
    folder: str = ""


class DecisionRecord(_Frozen):
    """Who has answered an approval, and why; `principal` is the ARN of who did it by CodePipeline's API."""

    approved: bool
    by: str
    comment: str
    at: datetime
    principal: str = ""


class ActionRecord(_Frozen):
    """An action; `artifacts` has the size of each that it made, `variables` what it put into its namespace.

    `past` are its attempts before this one, the first one first.
    """

    name: str
    kind: str
    namespace: str = ""
    status: Status = "Waiting"
    attempt: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    configuration: dict[str, str] = {}
    artifacts: dict[str, int] = {}
    variables: dict[str, str] = {}
    build: BuildRecord | None = None
    decision: DecisionRecord | None = None
    message: str = ""
    problem: str = ""
    past: tuple[ActionRecord, ...] = ()

    @property
    def attempts(self) -> tuple[ActionRecord, ...]:
        """Those that have ended, this one too: CodePipeline lists each."""
        ended = self.status in ("Succeeded", "Failed")
        return (*self.past, self.model_copy(update={"past": ()})) if ended else self.past

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


class StageRecord(_Frozen):
    """A stage."""

    name: str
    status: Status = "Waiting"
    message: str = ""
    actions: tuple[ActionRecord, ...]

    def action(self, name: str) -> ActionRecord:
        return next(action for action in self.actions if action.name == name)


class Event(_Frozen):
    """A build that an event has started beside the pipeline."""

    rule: str
    build: BuildRecord
    status: Literal["Succeeded", "Failed"]
    message: str = ""


class MachineRecord(_Frozen):
    """An execution of a state machine beside the pipeline, started by a `rule`, or by a build of a `stage`.

    `given` is its input as JSON, `states` how often it has entered each, `events` how many its history has, `calls` how
    often it has called each operation, `denied` what its role doesn't allow; `status` is the service's word for it.
    """

    machine: str
    name: str
    rule: str = ""
    stage: str = ""
    started: datetime
    given: str
    log: str
    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] = "RUNNING"
    message: str = ""
    states: dict[str, int] = {}
    events: int = 0
    calls: dict[str, int] = {}
    denied: tuple[str, ...] = ()

    @property
    def transitions(self) -> int:
        """What the service bills: states that were entered, and the end."""
        return sum(self.states.values()) + (self.status != "RUNNING")


class Rehearsal(_Frozen):
    """One execution of the pipeline on this machine; `id` is the execution's. `folder` of the manifest's repository."""

    id: str
    pipeline: str
    status: Status = "InProgress"
    started: datetime
    ended: datetime | None = None
    commit: str
    subject: str = ""
    repository: str
    variables: dict[str, str]
    account: str
    region: str
    stages: tuple[StageRecord, ...]
    events: tuple[Event, ...] = ()
    machines: tuple[MachineRecord, ...] = ()

    def stage(self, name: str) -> StageRecord:
        return next(stage for stage in self.stages if stage.name == name)

    def namespaces(self) -> dict[str, dict[str, str]]:
        """Return every variable that a later action can name."""
        of_actions = {
            action.namespace: action.variables
            for stage in self.stages
            for action in stage.actions
            if action.namespace and action.status == "Succeeded"
        }
        return {**of_actions, "variables": self.variables, "codepipeline": {"PipelineExecutionId": self.id}}


def plan_stages(pipeline: Pipeline) -> tuple[StageRecord, ...]:
    """Return the stages of a pipeline that hasn't begun."""
    return tuple(
        StageRecord(
            name=stage.name,
            actions=tuple(
                ActionRecord(name=action.name, kind=action.kind, namespace=action.namespace) for action in stage.ordered
            ),
        )
        for stage in pipeline.stages
    )


class Book:
    """The one place where a rehearsal's state changes; every change is on disk before anything else happens."""

    def __init__(self, folder: Path, rehearsal: Rehearsal) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._state = rehearsal
        self._write()

    @property
    def state(self) -> Rehearsal:
        with self._lock:
            return self._state

    def _change(self, make: Callable[[Rehearsal], Rehearsal]) -> None:
        with self._lock:
            self._state = make(self._state)
            self._write()

    def _write(self) -> None:
        write_file(self.folder / STATE, (self._state.model_dump_json(indent=2) + "\n").encode())

    def put(self, **changes: Any) -> None:
        """Change the rehearsal itself."""
        self._change(lambda state: state.model_copy(update=changes))

    def put_stage(self, name: str, **changes: Any) -> None:
        """Change a stage."""
        self._change(lambda state: _with_stage(state, name, changes))

    def put_action(self, stage: str, name: str, **changes: Any) -> ActionRecord:
        """Change an action and return it."""
        self._change(lambda state: _with_action(state, stage, name, changes))
        return self.state.stage(stage).action(name)

    def decide(self, stage: str, name: str, decision: DecisionRecord) -> bool:
        """Keep the answer to an open approval; False where it isn't open, or has been answered."""
        open_ = False

        def make(state: Rehearsal) -> Rehearsal:
            nonlocal open_
            action = state.stage(stage).action(name)
            open_ = action.status == "Pending" and action.decision is None
            return _with_action(state, stage, name, {"decision": decision}) if open_ else state

        self._change(make)
        return open_

    def put_machine(self, record: MachineRecord) -> None:
        """Note what an execution of a state machine has come to."""

        def make(state: Rehearsal) -> Rehearsal:
            kept = tuple(one for one in state.machines if one.name != record.name)
            return state.model_copy(update={"machines": (*kept, record)})

        self._change(make)

    def add_event(self, event: Event) -> None:
        """Note a build that an event has started."""
        self._change(lambda state: state.model_copy(update={"events": (*state.events, event)}))


def _with_stage(state: Rehearsal, name: str, changes: dict[str, Any]) -> Rehearsal:
    stages = tuple(s.model_copy(update=changes) if s.name == name else s for s in state.stages)
    return state.model_copy(update={"stages": stages})


def _with_action(state: Rehearsal, stage: str, name: str, changes: dict[str, Any]) -> Rehearsal:
    actions = tuple(
        action.model_copy(update=changes) if action.name == name else action for action in state.stage(stage).actions
    )
    return _with_stage(state, stage, {"actions": actions})


def load_rehearsal(folder: Path) -> Rehearsal:
    """Return the rehearsal of a folder.

    Raises:
        InputProblems: PB660 where it can't be read.
    """
    try:
        return Rehearsal.model_validate_json((folder / STATE).read_bytes())
    except (OSError, ValidationError) as error:
        message = f"the rehearsal in '{folder}' can't be read: {str(error).splitlines()[0]}"
        raise InputProblems(Problem(id="PB660", message=message, hint="begin another one")) from error


def find_rehearsal(folder: Path, wanted: str) -> Path:
    """Return the folder of the rehearsal whose id begins so; of the newest where none is named.

    Raises:
        InputProblems: PB660 where there is none, or more than one.
    """
    known = sorted((path.parent for path in folder.glob(f"*/{STATE}")), key=_started)
    found = [path for path in known if path.name.startswith(wanted)] if wanted else known[-1:]
    if len(found) == 1:
        return found[0]
    message = f"there is no rehearsal '{wanted}'" if wanted else "there is no rehearsal to go on with"
    if len(found) > 1:
        message = f"{len(found)} rehearsals begin with '{wanted}'"
    hint = "there are: " + ", ".join(path.name for path in known[-5:]) if known else "run 'pipeline-builder rehearse'"
    raise InputProblems(Problem(id="PB660", message=message, hint=hint))


def _started(folder: Path) -> datetime:
    return load_rehearsal(folder).started
