"""What the work of a step is done with, and the ways in which it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.defaults import GRACE, no_secrets
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.job import Used
from pipeline_builder.engine.jobs.journal import Journal
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.metrics import Search, search_once
from pipeline_builder.engine.jobs.names import LONGEST_TUNING, made_name
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.slots import Slots
from pipeline_builder.engine.jobs.stopping import Stop
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.target import Reach, SecretGiver

ACCOUNT = "arn:aws:sagemaker:localhost:000000000000"


class StepFailedError(Exception):
    """The step's job failed; the text is the reason that people see, with half a character as the escape that it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason.encode("utf-8", "backslashreplace").decode())


class JobStoppedError(StepFailedError):
    """The step failed because its job, and nothing else, was stopped: by its maximum run time, or by somebody."""


class StepStoppedError(Exception):
    """The step's job was stopped with its execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a step ended well: its Describe-shaped result, its metadata, and the addresses that it wrote."""

    result: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


def _nobody_called(step: Step, request: Mapping[str, Any], tools: Tools) -> AbstractContextManager[Reach]:
    del step, request, tools
    return nullcontext(Reach())


class Meter:
    """Adds up what the jobs of a step took of the machine; None as long as nobody has said it."""

    def __init__(self) -> None:
        self.used: Used | None = None
        self._adding = threading.Lock()

    def add(self, used: Used | None) -> None:
        """Count a job that has ended."""
        if used is not None:
            with self._adding:
                self.used = used.with_more(self.used or Used())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a step works with; `folder` is the step's own and empty.

    `stop` being set ends its job; at its maximum run time a job has `grace` seconds to save what it has. `interrupts`
    are the seconds after which a spot training loses its machine, each time it has one; `reach` is how its job calls
    AWS; `job` is the name of one that is no step's. `slots` are the places for jobs, of which the step has one;
    `search` looks for metrics in a log, `calling` gives how another job of the step calls AWS, `meter` adds up what its
    jobs took, `missed` says why the cache has nothing that stands for them.
    """

    execution: str
    folder: Path
    store: LocalStore
    registry: LocalRegistry
    environments: Environments
    images: tuple[tuple[str, tuple[str, ...]], ...]
    stop: Stop
    private: bool
    limits: JobLimits
    hidden: tuple[Path, ...]
    shared: tuple[Path, ...]
    observe: Callable[[str], None]
    attempt: int = 1
    job: str = ""
    secrets: SecretGiver = no_secrets
    reach: Reach = field(default_factory=Reach)
    grace: float = GRACE
    interrupts: tuple[float, ...] = ()
    halted: Callable[[], bool] = lambda: False
    journal: Journal = field(default_factory=Journal)
    slots: Slots = field(default_factory=lambda: Slots(1))
    search: Search = search_once
    meter: Meter = field(default_factory=Meter)
    missed: str = ""
    calling: Callable[[Step, Mapping[str, Any], Tools], AbstractContextManager[Reach]] = _nobody_called

    @property
    def outputs(self) -> Outputs:
        """Keeps what the job leaves."""
        return Outputs(folder=self.folder, store=self.store, observe=self.observe, private=self.private)


def job_name(tools: Tools, step: Step, prefix: str = "") -> str:
    """Return a job's name as the service makes it; a name in the definition is its prefix."""
    longest = (LONGEST_TUNING,) if step.type == "Tuning" else ()
    return tools.job or made_name(tools.execution, step.name, tools.attempt, prefix, *longest)
