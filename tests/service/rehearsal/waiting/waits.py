"""The rendered state machine before a rehearsal's address: an open Wait, and an execution in a real local state."""

from __future__ import annotations

import functools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.local import LocalPipelines, open_engine
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state.state import now
from pipeline_builder.serve.application import Application as SageMaker
from pipeline_builder.serve.application import json_error
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.rehearsal.endpoint import Application, answer_at
from pipeline_builder.service.rehearsal.record import Book, DecisionRecord, MachineRecord, Rehearsal, plan_stages
from pipeline_builder.service.rehearsal.rehearse import load_service
from pipeline_builder.service.rehearsal.template import Service
from pipeline_builder.service.rehearsal.waiting import interpreter
from pipeline_builder.service.rehearsal.waiting.clock import Clock
from pipeline_builder.service.rehearsal.waiting.machines import Machines, Surroundings
from tests.service.services import ACCOUNT, REGION, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CAUSE = "0f8fad5b-d9cb-469f-a165-70867728950e"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:model-service-wait"
RULE = "model-service-wait"
_DEFINITION = (
    b'{"Version": "2020-12-01", "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]}'
)
_PACE = 1_000_000
_HOURS_8 = 8 * 3600


class Inside:
    """The interpreter in a thread of this process; what it says goes over the rehearsal's address all the same."""

    def __init__(self) -> None:
        self.url = ""

    def begin(self, machine: Mapping[str, Any]) -> None:
        threading.Thread(target=interpreter.run, args=(self.url, machine), daemon=True).start()

    def next(self) -> Mapping[str, Any]:
        return {}

    def end(self) -> None:
        pass


class Counting(Clock):
    """A clock on which no pause takes time, and that knows them all."""

    def __init__(self) -> None:
        super().__init__(_PACE)
        self.pauses: list[float] = []

    def pause(self, who: str, seconds: float) -> None:
        del who
        self.pauses.append(seconds)


@dataclass
class Wait:
    """An open Wait. `at_look` has what happens before the n-th look at the execution is answered."""

    book: Book
    pipelines: LocalPipelines
    execution: str
    machines: Machines
    clock: Counting
    url: str
    said: list[str]
    at_look: dict[int, Callable[[], None]] = field(default_factory=dict)
    looks: int = 0

    def begin(self, *, limit: int = _HOURS_8, own: bool = True, execution: str = "") -> MachineRecord:
        """Start the machine as `stage start` does, and return what it has come to at its end."""
        given = {"cause": CAUSE, "execution": execution or self.execution, "limit": limit, "own": own}
        return self.end_of(self.machines.begin(MACHINE, given, name=CAUSE, stage="Train"))

    def ask(self) -> MachineRecord:
        """Start it as the rule does."""
        return self.end_of(self.machines.begin(MACHINE, {"cause": CAUSE}, rule=RULE, stage="Train"))

    def end_of(self, record: MachineRecord) -> MachineRecord:
        """Return an execution when it has ended."""
        deadline = time.monotonic() + 90
        while any(one.name == record.name for one in self.machines.going):
            assert time.monotonic() < deadline, self.said
            time.sleep(0.005)
        found = self.machines.find("model-service-wait", record.name)
        assert found is not None
        return found

    def open(self) -> None:
        """Let CodePipeline ask Wait, once more where it was asked before."""
        action = self.book.state.stage("Train").action("Wait")
        attempt = action.attempt + 1
        self.book.put_stage("Train", status="InProgress")
        self.book.put_action("Train", "Wait", status="Pending", attempt=attempt, decision=None, started=now())

    def becomes(self, status: ExecutionStatus) -> Callable[[], None]:
        """Return what lets SageMaker's execution have a status."""
        return lambda: self.pipelines.engine.state.set_execution(
            self.execution, status, ended=now() if status.ended else None
        )

    @property
    def status(self) -> ExecutionStatus:
        found = self.pipelines.describe_execution(self.execution)
        assert found is not None
        return found.status

    @property
    def decision(self) -> DecisionRecord | None:
        return self.book.state.stage("Train").action("Wait").decision


@functools.cache
def rendered() -> Service:
    """Return the service that waits in a state machine, as a rehearsal reads it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in render(wait="step-functions").items():
            Path(folder, name).write_text(text)
        return load_service(Path(folder), ACCOUNT, REGION)


@contextmanager
def waiting(folder: Path, *, service: Service | None = None) -> Iterator[Wait]:
    """Give an open Wait; when the body ends nothing runs on."""
    service = service or rendered()
    engine = open_engine(folder / "state", LocalSettings(jobs=1))
    pipelines = LocalPipelines(engine, lambda: "abcdefabcdef")
    pipelines.put_pipeline("tiny", _DEFINITION)
    execution = pipelines.start_execution("tiny", 1, {}, fingerprint="f", cause=CAUSE).arn
    record = Rehearsal(
        id=CAUSE, pipeline=service.pipeline.name, started=now(), commit="c" * 40, repository=str(folder), variables={},
        account=ACCOUNT, region=REGION, stages=plan_stages(service.pipeline),
    )  # fmt: skip
    book, clock, inside, said = Book(folder / "rehearsal", record), Counting(), Inside(), list[str]()
    background = Background(engine, said.append)
    around = Surroundings(home=Home(account=ACCOUNT, region=REGION), book=book, clock=clock, say=said.append, now=_now)
    machines = Machines(service.machines, around, inside)
    sagemaker = SageMaker(engine=engine, background=background, report=said.append)

    def looked_at(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if Request(environ).headers["X-Amz-Target"] == "SageMaker.DescribePipelineExecution":
            wait.looks += 1
            try:
                wait.at_look.get(wait.looks, lambda: None)()
            except ServiceError as error:
                answer = json_error(error)
                answer.headers["x-amzn-RequestId"] = CAUSE
                return answer(environ, start_response)
        return sagemaker(environ, start_response)

    application = Application(
        book=book, now=_now, machines=machines, sagemaker=lambda: looked_at, answered=clock.change
    )
    with answer_at(application) as url:
        inside.url = url
        wait = Wait(
            book=book, pipelines=pipelines, execution=execution, machines=machines, clock=clock, url=url, said=said
        )
        wait.open()
        try:
            yield wait
        finally:
            background.end()


def _now() -> datetime:
    return datetime.now(timezone.utc)
