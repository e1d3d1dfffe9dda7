"""Jobs that are no step's: asked for by their names, run to their ends, and begun again where they were cut off."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.document import Step, load_definition
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.execution.engine import Engine, reach_of, tools_of
from pipeline_builder.engine.execution.execution import own_lock
from pipeline_builder.engine.execution.starts import check_able
from pipeline_builder.engine.jobs.orphans import end_left
from pipeline_builder.engine.jobs.records import (
    KINDS,
    JobRecord,
    close_trials,
    fail_job,
    find_job,
    keep_log,
    recorded,
    reopen_job,
    stop_job,
)
from pipeline_builder.engine.jobs.resolving import with_model
from pipeline_builder.engine.jobs.slots import Slots
from pipeline_builder.engine.jobs.stopping import AT_ONCE, Stop
from pipeline_builder.engine.jobs.tools import JobStoppedError, StepFailedError, StepStoppedError
from pipeline_builder.engine.jobs.work import WORK
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.refusals import refusal

_LOOK = 0.2
_TYPES = {kind: (step_type, member) for step_type, (member, kind) in KINDS.items()}


def check_job(engine: Engine, kind: str, request: Mapping[str, Any]) -> None:
    """Refuse a job that this machine can't run, as a step of the same request is refused.

    Raises:
        InputProblems: what `check_able` refuses.
    """
    step_type, member = _TYPES[kind]
    step = {"Name": str(request[member]), "Type": step_type, "Arguments": dict(request)}
    document = load_definition(json.dumps({"Version": "2020-12-01", "Steps": [step]}).encode())
    check_able(engine, document, Scope(parameters={}, execution={}), document.steps, note=lambda _: None)


def refusal_of_job(engine: Engine, kind: str, request: Mapping[str, Any]) -> str:
    """Return why SageMaker refuses a job, empty where it doesn't."""
    return engine.judge(_TYPES[kind][0], request).partition("Error Details: ")[2]


def run_job(engine: Engine, kind: str, name: str, halt: threading.Event, slots: Slots) -> str:
    """Run a job to its end and return its status, or where `halt` cuts it off, leave it for the next to begin again.

    Where another process runs it, nothing is done. `slots` are for jobs that run at once.
    """
    folder = engine.jobs_folder / f"{kind}-{name}"
    with own_lock(folder) as held:
        job = find_job(engine.state, kind, name)
        if not held or job is None or job.ended is not None:
            return job.status if job else ""
        end_left(engine.jobs_folder, folder.name)
        if kind == KINDS["Tuning"][1]:
            close_trials(engine.state, name)
        stop, ended = Stop(below=Stop()), threading.Event()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as pool:
            if not _waited(engine, kind, name, halt, slots):
                return _left(engine, kind, name)
            try:
                future = pool.submit(_run, engine, job, folder / "job", stop, slots)
                future.add_done_callback(lambda _: ended.set())
                while not ended.wait(_LOOK):
                    if halt.is_set():
                        stop.ask(AT_ONCE)
                    elif _status(engine, kind, name) == "Stopping":
                        stop.ask(engine.grace)
                future.result()
            finally:
                slots.give()
        if halt.is_set() and _status(engine, kind, name) == "Stopped":
            reopen_job(engine.state, kind, name)
        return _status(engine, kind, name)


def _status(engine: Engine, kind: str, name: str) -> str:
    rows = engine.state.query("SELECT status FROM jobs WHERE kind = ? AND name = ?", kind, name)
    return str(rows[0]["status"]) if rows else ""


def _waited(engine: Engine, kind: str, name: str, halt: threading.Event, slots: Slots) -> bool:
    """Wait for a place; tell whether there is one, before the job is to stop."""
    while not (there := slots.seize()):
        slots.want(True)  # no trial takes what becomes free
        if halt.wait(_LOOK) or _status(engine, kind, name) == "Stopping":
            break
    slots.want(False)
    return there


def _left(engine: Engine, kind: str, name: str) -> str:
    """Leave a job that has not begun: as it is, or stopped."""
    if _status(engine, kind, name) == "Stopping":
        stop_job(engine.state, kind, name)
    return _status(engine, kind, name)


def _run(engine: Engine, job: JobRecord, folder: Path, stop: Stop, slots: Slots) -> None:
    """Do a job's work; its record says how it has ended."""
    kind, name = job.kind, job.name
    step_type, _ = _TYPES[kind]
    step = Step(name=name, type=step_type, arguments=job.request, before=())
    try:
        request = with_model(step, dict(job.request), {}, engine.state)
        keep_log(engine.state, folder)
        sweep_folder(folder)
        folder.mkdir(parents=True)
        tools = tools_of(engine, folder, stop, lambda _: None)
        tools = replace(tools, job=name, slots=slots, calling=partial(reach_of, engine))
        with recorded(engine.state, step, request, tools) as outcome, reach_of(engine, step, request, tools) as reach:
            outcome.result = WORK[step_type](step, request, replace(tools, journal=outcome.journal, reach=reach)).result
            sweep_folder(folder / "ml")
        outcome.complete()
    except (StepFailedError, JobStoppedError, StepStoppedError):
        pass  # it is on record
    except (PipelineBuilderError, OSError) as given_error:
        error = refusal(given_error) if isinstance(given_error, OSError) else given_error
        with contextlib.suppress(PipelineBuilderError):
            fail_job(engine.state, kind, name, str(error))
    except BaseException as error:
        fail_job(engine.state, kind, name, f"{type(error).__name__}: {error}")
        raise
