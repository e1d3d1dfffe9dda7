"""What executions and jobs of their own run on, and what each job is handed of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.jobs.defaults import GRACE, no_secrets, reach_nobody, take_all
from pipeline_builder.engine.jobs.limits import DEFAULT_LIMITS, JobLimits
from pipeline_builder.target import Calling, Reach, ReachGiver, RequestJudge, SecretGiver

if TYPE_CHECKING:  # a command that runs nothing makes an engine, too
    from pipeline_builder.engine.document.document import Step
    from pipeline_builder.engine.execution.stubs import Stubs
    from pipeline_builder.engine.jobs.environments import Environments
    from pipeline_builder.engine.jobs.stopping import Stop
    from pipeline_builder.engine.jobs.tools import Tools
    from pipeline_builder.engine.state.registry import LocalRegistry
    from pipeline_builder.engine.state.state import State
    from pipeline_builder.engine.state.store import LocalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What executions run on: state, store, registry, environments, and the folder of their jobs.

    A job that is stopped has `grace` seconds; `interrupts` says of steps when a spot training loses its machine.
    """

    state: State
    store: LocalStore
    registry: LocalRegistry
    environments: Environments
    images: tuple[tuple[str, tuple[str, ...]], ...]
    jobs_folder: Path
    jobs: int
    private: bool
    limits: JobLimits = DEFAULT_LIMITS
    hidden: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()
    secrets: SecretGiver = no_secrets
    reach: ReachGiver = reach_nobody
    grace: float = GRACE
    interrupts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    stubs: Stubs = field(default_factory=dict)
    judge: RequestJudge = take_all


def tools_of(engine: Engine, folder: Path, stop: Stop, observe: Callable[[str], None]) -> Tools:
    """Return what a job works with that is of no execution."""
    from pipeline_builder.engine.jobs.tools import Tools

    return Tools(
        execution="",
        folder=folder,
        store=engine.store,
        registry=engine.registry,
        environments=engine.environments,
        images=engine.images,
        secrets=engine.secrets,
        stop=stop,
        grace=engine.grace,
        private=engine.private,
        limits=engine.limits,
        hidden=engine.hidden,
        shared=engine.shared,
        observe=observe,
    )


def reach_of(
    engine: Engine, step: Step, request: Mapping[str, Any], tools: Tools
) -> contextlib.AbstractContextManager[Reach]:
    """Return how the job of a step calls AWS; a step without a job calls nobody."""
    from pipeline_builder.engine.jobs.records import KINDS, job_arn

    if step.type not in KINDS:
        return contextlib.nullcontext(Reach())
    job = job_arn(step, request, tools)
    handed = (request.get("AlgorithmSpecification") or {}).get("ContainerArguments")  # of a function with `@step`
    taken = taken_from(engine.state, tools.execution) if handed else ()
    return engine.reach(Calling(execution=tools.execution, step=step.name, job=job, request=request, taken=taken))


def taken_from(state: State, execution: str) -> tuple[str, ...]:
    """Return the ARNs of the executions whose results stand for steps of this one: selected, or out of the cache."""
    rows = state.query("SELECT DISTINCT source, cache_hit FROM steps WHERE execution = ?", execution)
    return tuple(sorted({str(arn) for row in rows for arn in (row["source"], row["cache_hit"]) if arn}))
