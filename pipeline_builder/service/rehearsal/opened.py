"""An approval that is open: a state machine answers it where one waits there, else a person; or nobody does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.service.rehearsal.approvals import token_of
from pipeline_builder.service.rehearsal.artifacts import unpack
from pipeline_builder.service.rehearsal.building import build_environment, load_buildspec, start_of
from pipeline_builder.service.rehearsal.events import follow_rules
from pipeline_builder.service.rehearsal.record import ActionRecord, Book, DecisionRecord
from pipeline_builder.service.rehearsal.template import Action, Stage
from pipeline_builder.service.rehearsal.tools import Question, Tools
from pipeline_builder.service.rehearsal.waiting.target import workspace_of

_WEEK = 7 * 24 * 60
_TICK = 0.2
_SOURCE = "target-source"
_ARN = "EXECUTION_ARN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """An approval that nobody answers any more, and the problem that this is."""

    why: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An approval of a stage while it is open."""

    book: Book
    tools: Tools
    stage: Stage
    action: Action

    @property
    def _record(self) -> ActionRecord:
        return self.book.state.stage(self.stage.name).action(self.action.name)

    @property
    def _minutes(self) -> int:
        return self.action.timeout_in_minutes or _WEEK

    def wait(self, question: Question, since: datetime, *, again: bool) -> DecisionRecord | Unanswered | None:
        """Return the answer; None where a person has none yet. `again` says that it was open already."""
        late = Unanswered(why=f"nobody has answered within {self._minutes} minutes", problem="PB659")
        self._go_on()
        self.book.put_action(self.stage.name, self.action.name, status="Pending")
        self.tools.clock.change()
        name = self.stage.name
        waits = any(one.stage == name for one in self.tools.machines.going) or self._record.decision is not None
        if not (again and waits):
            begun = follow_rules(
                self.book, self.tools, stage=name, action=self.action, state="STARTED", builds=not again
            )
            waits = begun or waits
        if waits:
            deadline = since + timedelta(minutes=self._minutes) / self.tools.clock.pace
            return self._wait(deadline, late)
        if self.tools.now() > since + timedelta(minutes=self._minutes):
            return late
        answer = self.tools.ask(question)
        if self._record.decision or answer is None:
            return self._record.decision
        return DecisionRecord(approved=answer.approved, by=answer.by, comment=answer.comment, at=self.tools.now())

    def _wait(self, deadline: datetime, late: Unanswered) -> DecisionRecord | Unanswered:
        """Wait until a state machine has answered, or somebody else by the API."""
        self._say(f"waits for the state machine; by hand: {self._by_hand()}")
        while True:
            going = self.tools.machines.going  # before the answer, which comes before its end
            if decision := self._record.decision:
                return decision
            if self.tools.now() > deadline:
                return late
            if not going:
                return self._nobody()
            self.tools.clock.wait(_TICK)

    def _nobody(self) -> Unanswered:
        last = self.tools.machines.last
        how = f"{last.status}{': ' + last.message if last.message else ''}" if last else "nothing"
        waits = f"on AWS the action waits {self._minutes} minutes"
        why = f"the state machine has ended ({how}) and has not answered; {waits}"
        return Unanswered(why=why, problem="PB678")

    def _by_hand(self) -> str:
        state = self.book.state
        return (
            f"aws codepipeline put-approval-result --endpoint-url {self.tools.url} --region {state.region}"
            f" --pipeline-name {state.pipeline} --stage-name {self.stage.name} --action-name {self.action.name}"
            f" --token {token_of(state, self.stage.name, self._record)} --result summary=…,status=Approved"
        )

    def _say(self, words: str) -> None:
        self.tools.say(f"{self.tools.now():%H:%M:%S}  {self.stage.name}/{self.action.name}  {words}")

    # --- what it waits for

    def _go_on(self) -> None:
        """Let the target run what a build of this stage has started; it has the source that the build had."""
        tools = self.tools
        done = [one for one in self.stage.ordered if one.run_order < self.action.run_order and one.inputs]
        if not (tools.service.machines and done):
            return
        known = [
            action.variables[_ARN]
            for stage in self.book.state.stages
            for action in stage.actions
            if _ARN in action.variables
        ]
        root, environment = self._place(done[-1])
        workspace = workspace_of(root, environment, os.cpu_count() or 1)
        tools.target.go_on(workspace, known=known, cause=self.book.state.id, show=self._show)

    def _show(self, line: str) -> None:
        """Say how a step has changed, as the log of a build that waits has it."""
        path = self.tools.folder / "logs" / f"{self.stage.name}-{self.action.name}-{self._record.attempt}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{self.tools.now():%H:%M:%S}  {line}\n")
        self._say(f"  {line}")

    def _place(self, action: Action) -> tuple[Path, Mapping[str, str]]:
        """Return the source of a build, unpacked once more, and its environment."""
        tools, record = self.tools, self.book.state.stage(self.stage.name).action(action.name)
        assert record.build is not None
        start = start_of(tools, self.stage.name, action, record.configuration, record.attempt)
        root = tools.folder / _SOURCE
        sweep_folder(root)
        unpack(start.inputs[""], root)
        buildspec = load_buildspec(start.project, root)
        return root, build_environment(start, record.build, tools, buildspec, {"": root})
