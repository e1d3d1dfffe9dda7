"""The state machines of the template: each execution on its way, what it asks of the rehearsal, what became of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.rehearsal.record import Book, MachineRecord
from pipeline_builder.service.rehearsal.template import StateMachine
from pipeline_builder.service.rehearsal.waiting.clock import Clock
from pipeline_builder.service.rehearsal.waiting.interpreter import END, NEXT, PAUSE
from pipeline_builder.service.rehearsal.waiting.interpreting import Interpreter
from pipeline_builder.service.rehearsal.waiting.permissions import may, resource_of

_ENTERED = "StateEntered"
_ENDING = 1.0
_RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What executions are played with."""

    home: Home
    book: Book
    clock: Clock
    say: Callable[[str], None]
    now: Callable[[], datetime]


class Machines:
    """Executions of the template's state machines; each is known by its name, which is its access key here.

    They are kept in the record of the rehearsal, so that one that is gone on with has those that were on their way.
    """

    def __init__(self, machines: Mapping[str, StateMachine], around: Surroundings, interpreter: Interpreter) -> None:
        self._machines = machines
        self._around = around
        self._interpreter = interpreter
        self._lock = threading.RLock()
        self._records = {record.name: record for record in around.book.state.machines}
        self._begun: set[str] = set()  # by this process

    def knows(self, arn: str) -> bool:
        """Tell whether the template has this state machine."""
        return arn in self._machines

    @property
    def going(self) -> tuple[MachineRecord, ...]:
        """The executions that this process has begun, and that haven't ended."""
        with self._lock:
            return tuple(one for one in self._records.values() if one.name in self._begun and one.status == _RUNNING)

    @property
    def last(self) -> MachineRecord | None:
        """The execution that was begun last."""
        with self._lock:
            return list(self._records.values())[-1] if self._records else None

    def find(self, machine: str, name: str) -> MachineRecord | None:
        """Return the execution of a machine with this name."""
        with self._lock:
            found = self._records.get(name)
        return found if found and found.machine == machine else None

    def begin(self, arn: str, given: Any, *, name: str = "", rule: str = "", stage: str = "") -> MachineRecord:
        """Start an execution; without a name it is given one, as EventBridge does."""
        machine = self._machines[arn]
        with self._lock:
            number = len(self._records) + 1
            name = name or f"{rule or machine.name}_{number}"
            log = self._around.book.folder / "logs" / f"machine-{number}-{machine.name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            record = MachineRecord(
                machine=machine.name,
                name=name,
                rule=rule,
                stage=stage,
                started=self._around.now(),
                given=json.dumps(given),
                log=str(log),
            )
            self._keep(record)
        words = f"rule {rule}" if rule else "StartExecution"
        self._interpret(arn, record, f"is started by {words}")
        return record

    def revive(self) -> None:
        """Begin those anew that were on their way when the rehearsal was cut off: on AWS they would have gone on."""
        by_name = {machine.name: arn for arn, machine in self._machines.items()}
        for record in tuple(self._records.values()):
            if record.status == _RUNNING and record.machine in by_name:
                self._keep(record.model_copy(update={"states": {}, "calls": {}, "events": 0, "denied": ()}))
                self._interpret(by_name[record.machine], record, "is begun anew")

    def _interpret(self, arn: str, record: MachineRecord, how: str) -> None:
        machine = self._machines[arn]
        self._begun.add(record.name)
        self._around.clock.enter(record.name)
        Path(record.log).unlink(missing_ok=True)
        self._around.say(f"{record.machine}  the state machine {how}, log: {record.log}")
        self._interpreter.begin(
            {
                "arn": arn,
                "name": record.name,
                "role": machine.role_arn,
                "definition": machine.played,
                "input": json.loads(record.given),
                "started": f"{self._around.now():%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    def _keep(self, record: MachineRecord) -> None:
        with self._lock:
            self._records[record.name] = record
            self._around.book.put_machine(record)

    def lose(self, why: str) -> None:
        """Take what goes on as failed: its interpreter has ended."""
        for record in self.going:
            self._finish(record.name, {"status": "FAILED", "error": "Interpreter", "cause": why})

    def end(self) -> None:
        """End what goes on; whoever was told something looks once more, and ends by itself."""
        self._around.clock.change()
        for _ in range(int(_ENDING / 0.1)):
            if not self.going:
                break
            self._around.clock.wait(0.1)
        self._around.clock.end()
        self._interpreter.end()

    # --- what they ask

    def caller_of(self, key: str) -> tuple[str, str]:
        """Return who has an access key, for people and as an ARN: a state machine has its role, others are users."""
        partition, account = self._around.home.partition, self._around.home.account
        if machine := self._machine_of(key):
            role = machine.role_arn.rsplit("/", 1)[-1]
            return f"the state machine {machine.name}", f"arn:{partition}:sts::{account}:assumed-role/{role}/{key}"
        return key, f"arn:{partition}:iam::{account}:user/{key or 'unknown'}"

    def _machine_of(self, key: str) -> StateMachine | None:
        record = self._records.get(key)
        return next((one for one in self._machines.values() if record and one.name == record.machine), None)

    def admit(self, key: str, operation: str, asked: Mapping[str, Any]) -> None:
        """Note a state machine's call, and refuse it where its role doesn't allow it."""
        machine = self._machine_of(key)
        if machine is None:
            return
        resource = resource_of(operation.partition(":")[2], asked, self._around.home)
        with self._lock:
            record = self._records[key]
            calls = {**record.calls, operation: record.calls.get(operation, 0) + 1}
            allowed = may(machine.policies, operation, resource)
            denied = record.denied if allowed else (*record.denied, f"{operation} on {resource}")
            self._records[key] = record.model_copy(update={"calls": calls, "denied": denied})
        if not allowed:
            what = f"{self.caller_of(key)[1]} is not authorized to perform: {operation} on resource: {resource}"
            raise ServiceError("AccessDeniedException", f"User: {what}")

    def hear(self, key: str, operation: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take what an interpreter says, and return what it asks for; a pause lasts as long as the answer."""
        if operation == NEXT:
            return self._interpreter.next()
        if key not in self._records:
            raise ServiceError("ValidationException", f"there is no execution '{key}'")
        self._note(key, said.get("events") or [])
        if operation == PAUSE:
            self._around.clock.pause(key, float(said["seconds"]))
        elif operation == END:
            self._finish(key, said)
        return {}

    def _note(self, name: str, events: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            record = self._records[name]
            states = dict(record.states)
            with Path(record.log).open("a", encoding="utf-8") as log:
                log.writelines(json.dumps(event, default=str) + "\n" for event in events)
            for event in events:
                if str(event.get("type", "")).endswith(_ENTERED):
                    state = str((event.get("stateEnteredEventDetails") or {}).get("name", ""))
                    states[state] = states.get(state, 0) + 1
            self._keep(record.model_copy(update={"events": record.events + len(events), "states": states}))

    def _finish(self, name: str, ended: Mapping[str, Any]) -> None:
        message = ": ".join(str(ended[key]) for key in ("error", "cause") if ended.get(key))
        with self._lock:
            record = self._records[name].model_copy(update={"status": ended["status"], "message": message})
            self._keep(record)
        words = f"{record.machine}  the state machine has {record.status}, {record.transitions} transitions"
        self._around.say(words + (f": {message}" if message else ""))
        self._around.clock.change()
