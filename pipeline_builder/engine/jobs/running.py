"""How the program of a step's job is run, and what its end means for the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.inside.exits import render_exit, render_killed
from pipeline_builder.engine.jobs.bringing import Brought
from pipeline_builder.engine.jobs.container import Request, network_isolated
from pipeline_builder.engine.jobs.job import Job, JobEnd, JobResult
from pipeline_builder.engine.jobs.logs import failure_message
from pipeline_builder.engine.jobs.mirrors import Mirrors
from pipeline_builder.engine.jobs.packages import container_layers, layers_of
from pipeline_builder.engine.jobs.pipes import flowing
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.stopping import Stop
from pipeline_builder.engine.jobs.tools import JobStoppedError, StepFailedError, StepStoppedError, Tools
from pipeline_builder.errors import InputProblems, OutsideFailure
from pipeline_builder.machine.refusals import FULL, refuse_full

_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Program:
    """What a job runs: command, variables, folder, its data; of a model its container and where a server's code is."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str
    data: Brought = field(default_factory=Brought)
    container: Request | None = None
    places: tuple[tuple[Path, str], ...] = ()


def max_runtime(request: Request) -> float:
    """Return the seconds that a job may run."""
    return float((request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds") or _DAY)


def run_program(
    step: Step, request: Request, tools: Tools, program: Program, *, mirrors: Mirrors | None = None
) -> None:
    """Run the step's job to its good end, and raise what its step ends with where it comes to another.

    `mirrors` are kept in the store however it ends.
    """
    mirrors = mirrors or Mirrors(tools.outputs)
    try:
        with mirrors.running():
            result = launch(step, request, tools, program)
        refuse_end(result, request, tools)
    except Exception:
        mirrors.save()
        raise
    mirrors.finish()


def launch(
    step: Step,
    request: Request,
    tools: Tools,
    program: Program,
    *,
    seconds: float | None = None,
    interrupt: float | None = None,
) -> JobResult:
    """Run the step's job, at most so many seconds (or its maximum run time), and return how it ended."""
    job = Job(
        name=step.name,
        folder=tools.folder,
        command=program.command,
        environment=program.environment,
        python=_python(step, request, tools, program.container),
        workdir=program.workdir,
        timeout=max_runtime(request) if seconds is None else seconds,
        interrupt=interrupt,
        # Its port is the same in every job: a server has a network of its own.
        network=not network_isolated(request) and not program.places,
        limits=tools.limits,
        hidden=tools.hidden,
        writes=tools.shared,
        places=program.places,
        mounted=program.data.mounted,
        overlaid=program.data.overlaid,
        reach=tools.reach,
    )
    return _fed(job, program.data, tools)


def _fed(job: Job, data: Brought, tools: Tools) -> JobResult:
    """Run a job while its streams flow; where one of them breaks, the job ends. What it was shown has to stay."""
    stop, result = Stop(below=tools.stop), None
    try:
        with flowing(data.streams, broken=stop.set):
            result = run_job(job, stop=stop, private=tools.private, grace=tools.grace)
            tools.meter.add(result.used)
        data.refuse_changed(tools.store)
    except (InputProblems, OSError) as error:
        if result is None:
            raise
        return replace(result, broken=error)
    return result


def refuse_end(result: JobResult, request: Request, tools: Tools) -> None:
    """Raise what the step ends with, unless its job has come to a good end.

    Raises:
        StepStoppedError: the whole execution is stopped.
        JobStoppedError: the job was stopped.
        StepFailedError: the job failed, with the script's own words.
        InputProblems, OSError: its data could not be given to it to their end.
        OutsideFailure: PB674, the disk is full, which may be why.
    """
    if result.end is not JobEnd.EXITED and is_stopped_with_all(tools):
        raise StepStoppedError
    if result.broken:
        raise result.broken
    match result.end:
        case JobEnd.STOPPED | JobEnd.INTERRUPTED:
            raise JobStoppedError("the job was stopped")
        case JobEnd.TIMED_OUT:
            seconds = f"{max_runtime(request):.0f} s"
            raise JobStoppedError(f"the job ran longer than its maximum run time of {seconds} and was stopped")
        case _ if result.excess:
            known = result.excess.startswith(FULL)  # which is no fault of the job's
            raise StepFailedError(result.excess if known else render_killed(result.exit_code, result.excess))
        case _ if result.exit_code != 0:
            refuse_full(tools.folder, f"the job ended with {render_exit(result.exit_code)}")
            raise StepFailedError(failure_message(tools.folder / "ml", tools.folder / "log.txt", result.exit_code))
        case _:
            pass


def is_stopped_with_all(tools: Tools) -> bool:
    """Tell whether the whole execution is to stop, and not only this job of it."""
    return tools.stop.is_set() and not tools.stop.alone


def _python(step: Step, request: Request, tools: Tools, container: Request | None) -> Path:
    if container is None:
        layers = layers_of(step, request, tools.images, tools.store)
    else:
        layers = container_layers(step.name, container, tools.images, tools.store)
    try:
        return tools.environments.get(layers, observe=tools.observe, stop=tools.stop)
    except OutsideFailure:
        if tools.stop.is_set():  # it was being built
            raise _stopped(tools) from None
        raise


def _stopped(tools: Tools) -> Exception:
    return StepStoppedError() if is_stopped_with_all(tools) else JobStoppedError("the job was stopped")
