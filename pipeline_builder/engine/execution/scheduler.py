"""Runs an execution: ready steps in parallel, each step's state written as it changes, and an end that says it all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from pipeline_builder.descriptions import STUB, Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.engine.document.document import Document, Step
from pipeline_builder.engine.document.references import Scope, resolve
from pipeline_builder.engine.execution.cache import CACHED, Key, build_key, find_hit, remember, why_missed
from pipeline_builder.engine.execution.engine import Engine, reach_of, tools_of
from pipeline_builder.engine.execution.frontier import Frontier
from pipeline_builder.engine.execution.priorities import Line, past_seconds
from pipeline_builder.engine.execution.retries import Patience
from pipeline_builder.engine.execution.stubs import Stubs, stub_sha256, stubbed_result
from pipeline_builder.engine.execution.threads import step_threads
from pipeline_builder.engine.jobs.named import check_named, is_ours
from pipeline_builder.engine.jobs.names import made_name
from pipeline_builder.engine.jobs.packages import layers_of
from pipeline_builder.engine.jobs.records import KINDS, ask_jobs_to_stop, keep_log, recorded, stopping_steps
from pipeline_builder.engine.jobs.resolving import with_model
from pipeline_builder.engine.jobs.slots import Slots
from pipeline_builder.engine.jobs.stopping import AT_ONCE, Stop
from pipeline_builder.engine.jobs.tools import Done, StepFailedError, StepStoppedError, Tools
from pipeline_builder.engine.jobs.work import WORK
from pipeline_builder.engine.state.references import referring
from pipeline_builder.engine.state.state import now
from pipeline_builder.engine.state.supply import PLACE
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.refusals import refusal
from pipeline_builder.target import Observer

Keep = Callable[[], None]
WAITS = "Callback"
"""The type of a step that takes no place of those that run at once."""
_LOGGED = (*KINDS, "Lambda")
# Execution variables that are a job's own.
OWN_NAMES = ("TrainingJobName", "ProcessingJobName")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a run may go: `selected` steps only, where there are any, and `parallel` of them at once.

    Steps with a stub have its result. `halt` being set ends the run's jobs and leaves the execution as it is.
    """

    use_cache: bool = True
    selected: frozenset[str] = frozenset()
    stubs: Stubs = field(default_factory=dict)
    parallel: int | None = None
    halt: threading.Event | None = None


class Run:
    """One go at an execution, from what has succeeded already to its end."""

    def __init__(
        self, engine: Engine, execution: Execution, document: Document, scope: Scope, *, limits: Limits
    ) -> None:
        self._limits = limits
        self._engine = engine
        self._execution = execution
        self._document = document
        self._scope = scope
        self._ours = is_ours(document)
        self._stop = Stop()
        self._stops: dict[str, Stop] = {}  # of each step that runs
        self._results: dict[str, Mapping[str, Any]] = dict(engine.state.results(execution.arn))
        # What failed before a halt stays failed; in any other run these steps wait again by now.
        self._known = engine.state.steps(execution.arn)
        self._failed = {state.name for state in self._known.values() if state.status is StepStatus.FAILED}
        self._frontier = Frontier(document.steps, self._todo(), self._results, self._failed)
        self._ended: SimpleQueue[Future[Done | None] | None] = SimpleQueue()
        self._workers = min(limits.parallel or engine.jobs, engine.jobs)
        self._slots = Slots(self._workers, wake=lambda: self._ended.put(None))

    def run(self, observe: Observer) -> ExecutionStatus:
        """Run every step that can run; return how the execution ended.

        A failed step leaves its dependents waiting, but for those that wait for its failure, and all others finish; a
        condition that has been decided stays so, and the steps of its other branch don't run. KeyboardInterrupt stops
        every job and is raised again when they have ended; so is any exception that is a bug. An execution that
        somebody asks to stop (status Stopping, from whatever process) ends Stopped; one that is halted stays Executing.
        """
        todo = self._frontier
        running: dict[Future[Done | None], Step] = {}
        line = Line(self._document.steps, past_seconds(self._engine.state, self._execution.pipeline))
        threads = self._workers + sum(step.type == WAITS for step in self._document.steps)
        with step_threads(self._execution.id, threads, self._stop) as pool:
            while todo or line or running:
                if self._asked_to_stop():
                    todo.clear()
                    line.clear()
                for step in self._waiting_ready(line, observe):
                    self._submit(pool, step, observe, running)
                while line and self._slots.seize():
                    (step,) = line.take(1)
                    self._submit(pool, step, observe, running)
                self._slots.want(bool(line))
                if not running:
                    break
                self._collect(running)
        if self._stop.is_set():
            return ExecutionStatus.EXECUTING if self._halted() else ExecutionStatus.STOPPED
        if not self._failed:
            return ExecutionStatus.SUCCEEDED
        caught = todo.are_caught(self._failed)
        return ExecutionStatus.COMPLETED_WITH_FAILURES if caught else ExecutionStatus.FAILED

    def _waiting_ready(self, line: Line, observe: Observer) -> list[Step]:
        """Let what is ready join the line; return those that only wait, and say which will never run."""
        for step in self._frontier.take_skipped():
            observe(StepState(name=step.name, type=step.type, status=StepStatus.SKIPPED, attempts=0))
        ready = list(self._frontier.take_ready())
        for step in ready:
            if step.type != WAITS:
                line.join(step)
        return [step for step in ready if step.type == WAITS]

    def _submit(
        self, pool: ThreadPoolExecutor, step: Step, observe: Observer, running: dict[Future[Done | None], Step]
    ) -> None:
        future = pool.submit(self._run_step, step, observe)
        running[future] = step
        future.add_done_callback(self._ended.put)

    def _todo(self) -> list[Step]:
        selected = self._limits.selected
        done = {*self._results, *self._failed}
        return [s for s in self._document.steps if s.name not in done and (not selected or s.name in selected)]

    def _halted(self) -> bool:
        return self._limits.halt is not None and self._limits.halt.is_set()

    def _asked_to_stop(self) -> bool:
        state, arn = self._engine.state, self._execution.arn
        if self._halted():
            self._stop.ask(AT_ONCE)
        elif not self._stop.is_set() and state.status(arn) is ExecutionStatus.STOPPING:
            self._stop.ask(self._engine.grace)
            with state.transaction() as db:
                ask_jobs_to_stop(db, "execution", arn)
        elif self._stops:
            for name in stopping_steps(state, arn):
                if stop := self._stops.get(name):
                    stop.ask(self._engine.grace)
        return self._stop.is_set()

    def _collect(self, running: dict[Future[Done | None], Step]) -> None:
        """Wait for an end, and take note of all that there are."""
        with contextlib.suppress(Empty):
            # A time-out now and then, because a wait without end can't be interrupted on every system.
            future = self._ended.get(timeout=0.5)
            while True:
                if future is not None:  # else a tuning has given a place back
                    self._end(running.pop(future), future.result())
                future = self._ended.get_nowait()

    def _end(self, step: Step, done: Done | None) -> None:
        if step.type != WAITS:
            self._slots.give()
        if done is None:
            self._failed.add(step.name)
        else:
            self._results[step.name] = done.result
        self._frontier.end(step.name)

    def _run_step(self, step: Step, observe: Observer) -> Done | None:
        """Run one step to its end, as often as its policies say, and write what became of it; None where it failed."""
        folder = self._engine.jobs_folder / self._execution.id / step.name
        state = self._begun(step, folder)
        write = self._writer(observe)
        patience = Patience(step.retries)
        while True:
            observe(state)
            try:
                return self._succeeded(step, state, folder, observe)
            except StepStoppedError:
                write(replace(state, status=StepStatus.STOPPED, ended=now()), None)
                return None
            except (StepFailedError, PipelineBuilderError, OSError) as given:
                error = refusal(given) if isinstance(given, OSError) else given
                seconds = patience.wait_after(error)
                if seconds is None or self._stop.is_set():
                    write(replace(state, status=StepStatus.FAILED, ended=now(), failure_reason=str(error)), None)
                    return None
                write(replace(state, note=f"try {state.attempts} failed, the next one is in {seconds:g} s"), None)
                self._stop.wait(seconds)
                state = replace(state, attempts=state.attempts + 1)
            except BaseException as error:
                reason = f"{type(error).__name__}: {error}"
                write(replace(state, status=StepStatus.FAILED, ended=now(), failure_reason=reason), None)
                raise

    def _begun(self, step: Step, folder: Path) -> StepState:
        known = self._known.get(step.name)  # from before this go
        return StepState(
            name=step.name,
            type=step.type,
            status=StepStatus.EXECUTING,
            started=now(),
            attempts=(known.attempts if known else 0) + 1,
            log=str(folder / "log.txt") if step.type in _LOGGED else "",
        )

    def _succeeded(self, step: Step, state: StepState, folder: Path, observe: Observer) -> Done:
        with contextlib.ExitStack() as held:
            done, hit, keep = self._outcome(step, state, folder, observe, held)
            log = "" if hit or STUB in done.metadata else state.log
            ended = replace(
                state, status=StepStatus.SUCCEEDED, ended=now(), cache_hit=hit, metadata=done.metadata, log=log
            )
            with self._engine.state.transaction():  # job, cache entry and step: all of them, or none
                keep()
                self._engine.state.put_step(self._execution.arn, ended, done.result)
        observe(ended)
        return done

    def _writer(self, observe: Observer) -> Callable[[StepState, Mapping[str, Any] | None], None]:
        def write(state: StepState, result: Mapping[str, Any] | None) -> None:
            self._engine.state.put_step(self._execution.arn, state, result)
            observe(state)

        return write

    def _outcome(
        self, step: Step, state: StepState, folder: Path, observe: Observer, held: contextlib.ExitStack
    ) -> tuple[Done, str, Keep]:
        """Return the step's end, out of the cache (with the ARN it came from) or by doing it; and what keeps that.

        What comes out of the cache stays there until `held` ends.
        """
        if self._stop.is_set():
            raise StepStoppedError
        request = self._request(step, state.attempts)
        if (stub := self._limits.stubs.get(step.name)) is not None:
            return self._stubbed(step, request, stub, state.attempts), "", _nothing
        if self._ours:
            check_named(request, self._engine.store)
        step = replace(step, beside=resolve(step.beside, replace(self._scope, results=self._results)))
        key = self._key(step, request) if step.cached and step.type in CACHED else None
        if key and self._limits.use_cache:
            held.enter_context(referring(self._engine.state))
            if hit := find_hit(self._engine.state, self._engine.store, self._execution.pipeline, step, key):
                return Done(result=dict(hit.result), metadata=dict(hit.metadata)), hit.execution, _nothing
            held.close()
        if refused := self._engine.judge(step.type, request):
            raise StepFailedError(refused)
        keep_log(self._engine.state, folder)
        sweep_folder(folder)
        folder.mkdir(parents=True)
        tools = self._tools(step, folder, state.attempts, lambda note: observe(replace(state, note=note)))
        tools = replace(tools, missed=self._missed(step, key))
        try:
            with contextlib.ExitStack() as work:
                with self._engine.state.transaction():  # that it runs, and as which job
                    self._engine.state.put_step(self._execution.arn, state)
                    job = work.enter_context(recorded(self._engine.state, step, request, tools))
                reach = work.enter_context(reach_of(self._engine, step, request, tools))
                done = WORK[step.type](step, request, replace(tools, journal=job.journal, reach=reach))
                job.result = done.result
                # Inputs and outputs are in the store; only the log is of use later.
                sweep_folder(folder / "ml")
                outputs = {uri: self._engine.store.digest(uri, kind=PLACE) for uri in done.outputs} if key else {}
        finally:
            self._stops.pop(step.name, None)

        def keep() -> None:
            job.complete()
            if key:
                arn, pipeline = self._execution.arn, self._execution.pipeline
                remember(self._engine.state, pipeline, step, key, execution=arn, outputs=outputs, done=done)

        return done, "", keep

    def _missed(self, step: Step, key: Key | None) -> str:
        """Say why the step does its work, and nothing of the cache stands for it."""
        if key is None:
            return "the cache is off for this step" if step.type in CACHED else ""
        if not self._limits.use_cache:
            return "the run was to take nothing from the cache"
        return why_missed(self._engine.state, self._execution.pipeline, step, key)

    def _request(self, step: Step, attempt: int) -> dict[str, Any]:
        """Return what a step asks for, without references; that to its job's name leads to the name that it gets."""
        scope = replace(self._scope, results=self._results)
        for variable in OWN_NAMES:
            prefix = str(resolve(step.arguments.get(variable, ""), scope) or "")
            own = {variable: made_name(self._execution.arn, step.name, attempt, prefix)}
            scope = replace(scope, execution={**scope.execution, **own})
        request: dict[str, Any] = resolve(_own(step) if step.name in self._limits.stubs else step.arguments, scope)
        return (
            request if step.name in self._limits.stubs else with_model(step, request, self._results, self._engine.state)
        )

    def _stubbed(self, step: Step, request: dict[str, Any], stub: Mapping[str, Any], attempt: int) -> Done:
        """Return the end of a step that has a stub; what the service would refuse it does refuse."""
        if refused := self._engine.judge(step.type, request):
            raise StepFailedError(refused)
        beside = resolve(step.beside, replace(self._scope, results=self._results))
        result = stubbed_result(step, {**beside, **request}, stub, (self._execution.arn, attempt))
        return Done(result=result, metadata={STUB: stub_sha256(stub)})

    def _key(self, step: Step, request: Mapping[str, Any]) -> Key:
        layers = layers_of(step, request, self._engine.images, self._engine.store)
        return build_key(step, request, layers, self._engine.store)

    def _tools(self, step: Step, folder: Path, attempt: int, observe: Callable[[str], None]) -> Tools:
        engine = self._engine
        stop = self._stops[step.name] = Stop(below=self._stop)
        tools = tools_of(engine, folder, stop, observe)
        interrupts = engine.interrupts.get(step.name, ())
        return replace(
            tools,
            execution=self._execution.arn,
            interrupts=interrupts,
            attempt=attempt,
            slots=self._slots,
            calling=partial(reach_of, engine),
            halted=self._halted,
        )


def _nothing() -> None:
    """There is nothing to keep but the step."""


def _own(step: Step) -> dict[str, Any]:
    """Return the arguments of a step that has a stub, without the steps that stand in them."""
    return {key: value for key, value in step.arguments.items() if key not in ("ForEachBody", "Selector")}
