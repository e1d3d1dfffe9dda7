"""All that is played beside the pipeline, put together: its address, clock, state machines and target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.rehearsal.endpoint import Application, answer_at
from pipeline_builder.service.rehearsal.record import Book
from pipeline_builder.service.rehearsal.template import Service
from pipeline_builder.service.rehearsal.waiting.clock import Clock
from pipeline_builder.service.rehearsal.waiting.interpreting import Interpreter, Process, find_python
from pipeline_builder.service.rehearsal.waiting.machines import Machines, Surroundings
from pipeline_builder.service.rehearsal.waiting.target import Eyes, Target

_ENVIRONMENTS = "envs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What it is made of; without an `interpreter` there is a process for that, which can be made first."""

    book: Book
    service: Service
    shared: Path
    say: Callable[[str], None]
    warn: Callable[[Problem], None]
    now: Callable[[], datetime]
    pace: float = 1.0
    interpreter: Interpreter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """What it is; `url` is the rehearsal's address."""

    url: str
    clock: Clock
    machines: Machines
    target: Target


@contextmanager
def play_beside(of: Beside) -> Iterator[Playing]:
    """Give what is played beside the pipeline while the body runs; nothing of it runs on afterwards.

    Raises:
        OutsideFailure: PB542 where no port can be had, PB679 and PB510 where nothing can interpret state machines.
    """
    clock = Clock(of.pace)

    def say(line: str) -> None:
        of.say(f"{of.now():%H:%M:%S}  {line}")

    def lose(why: str) -> None:
        machines.lose(why)

    python = find_python(of.shared / _ENVIRONMENTS, of.say) if of.service.machines else Path(sys.executable)
    interpreter = of.interpreter or Process(python, of.book.folder / "logs", lost=lose)
    home = Home(account=of.book.state.account, region=of.book.state.region)
    around = Surroundings(home=home, book=of.book, clock=clock, say=say, now=of.now)
    machines = Machines(of.service.machines, around, interpreter)
    target = Target(Eyes(say=say, warn=of.warn, changed=clock.change))
    application = Application(
        book=of.book,
        now=of.now,
        machines=machines,
        sagemaker=lambda: target.application,
        answered=clock.change,
    )
    with answer_at(application) as url:
        interpreter.url = url
        try:
            yield Playing(url=url, clock=clock, machines=machines, target=target)
        finally:
            machines.end()
            target.end()
