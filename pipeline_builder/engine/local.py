"""The local target: pipelines, executions, objects and model packages on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
import sqlite3
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline_builder.engine.conditions import skipped_steps
from pipeline_builder.engine.container import log_tail
from pipeline_builder.engine.document import Document, Step, load_definition
from pipeline_builder.engine.environments import Environments
from pipeline_builder.engine.fingerprint import build_fingerprint
from pipeline_builder.engine.parameters import parameter_values
from pipeline_builder.engine.prediction import predict
from pipeline_builder.engine.references import Scope
from pipeline_builder.engine.registry import LocalRegistry
from pipeline_builder.engine.sandbox import private_mounts_available
from pipeline_builder.engine.scheduler import Engine, Run
from pipeline_builder.engine.state import State, now
from pipeline_builder.engine.store import LocalStore
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import (
    CachePrediction,
    DeployedPipeline,
    Execution,
    ExecutionStatus,
    Observer,
    StepState,
    StepStatus,
    Target,
)

_ARN = "arn:aws:sagemaker:local:000000000000:pipeline"
_LOG_LINES = 100_000
_RELOCATED = (
    "this system gives jobs no private /opt/ml (unprivileged user namespaces are off): paths in SM_* variables and "
    "arguments are relocated instead, and a script with /opt/ml written into it will not find its files"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How this machine runs jobs.

    `jobs` run at once; `images` are (pattern of the image URI, requirement lines), the first match wins; `mounts` maps
    a bucket or bucket/prefix to a folder with its data.
    """

    jobs: int = 2
    images: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mounts: Mapping[str, Path] = field(default_factory=dict)


def _new_id() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def open_local_target(state: Path, settings: LocalSettings, *, new_id: Callable[[], str] = _new_id) -> Target:
    """Return the local target whose state is in the folder; the folder is made where it isn't there."""
    memory = State(state / "state.db")
    store = LocalStore(state / "store", settings.mounts, memory)
    private = private_mounts_available()
    engine = Engine(
        state=memory,
        store=store,
        registry=LocalRegistry(memory),
        environments=Environments(state / "envs"),
        images=settings.images,
        jobs_folder=state / "jobs",
        jobs=settings.jobs,
        private=private,
    )
    return Target(
        name="local",
        pipelines=LocalPipelines(engine, new_id),
        store=store,
        registry=engine.registry,
        warnings=() if private else (_RELOCATED,),
    )


class LocalPipelines:
    """Pipelines and executions of the local target."""

    def __init__(self, engine: Engine, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._state = engine.state
        self._new_id = new_id

    def describe_pipeline(self, name: str) -> DeployedPipeline | None:
        """Return the newest version."""
        rows = self._state.query("SELECT * FROM versions WHERE pipeline = ? ORDER BY version DESC LIMIT 1", name)
        if not rows:
            return None
        return DeployedPipeline(
            name=name, arn=f"{_ARN}/{name}", definition=bytes(rows[0]["content"]), version=rows[0]["version"]
        )

    def put_pipeline(self, name: str, definition: bytes) -> DeployedPipeline:
        """Add a version, unless the newest has the same bytes. A definition that can't run here is refused."""
        load_definition(definition)
        digest = hashlib.sha256(definition).hexdigest()
        with self._state.transaction() as db:
            db.execute("INSERT OR IGNORE INTO pipelines VALUES (?, ?)", (name, now().isoformat()))
            newest = db.execute(
                "SELECT version, sha256 FROM versions WHERE pipeline = ? ORDER BY version DESC LIMIT 1", (name,)
            ).fetchone()
            version = newest["version"] if newest else 0
            if not newest or newest["sha256"] != digest:
                version += 1
                values = (name, version, digest, definition, now().isoformat())
                db.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", values)
        return DeployedPipeline(name=name, arn=f"{_ARN}/{name}", definition=definition, version=version)

    def fingerprint(self, definition: bytes, parameters: Mapping[str, str]) -> str:
        """Return the sha256 of what decides the outcome: definition, parameters, data, images, Python's version."""
        document = load_definition(definition)
        values = parameter_values(document, parameters)
        return build_fingerprint(document, values, self._engine.images, self._engine.store)

    def predict_cache(
        self, pipeline: str, definition: bytes, parameters: Mapping[str, str]
    ) -> tuple[CachePrediction, ...]:
        """Say for each step whether it would run or come from the cache, and why."""
        document = load_definition(definition)
        scope = self._scope(document, parameters, _execution_scope("predicted", pipeline))
        return predict(self._engine, pipeline, document, scope)

    def _scope(self, document: Document, parameters: Mapping[str, str], execution: Mapping[str, str]) -> Scope:
        return Scope(
            parameters=parameter_values(document, parameters),
            execution=execution,
            property_files={step.name: step.property_files for step in document.steps},
            read=self._engine.store.get,
        )

    def list_executions(self, pipeline: str | None = None) -> tuple[Execution, ...]:
        """Newest first."""
        return self._state.executions(pipeline)

    def describe_execution(self, arn_or_id: str) -> Execution | None:
        """Return the execution with this ARN or id."""
        return self._state.execution(arn_or_id)

    def start_execution(
        self, pipeline: str, version: int, parameters: Mapping[str, str], *, fingerprint: str, use_cache: bool = True
    ) -> Execution:
        """Record an execution; `follow_execution` runs it.

        An equal one that another process has started meanwhile is given instead of a second.
        """
        rows = self._state.query("SELECT content FROM versions WHERE pipeline = ? AND version = ?", pipeline, version)
        document = load_definition(bytes(rows[0]["content"]))
        parameter_values(document, parameters)
        arn = f"{_ARN}/{pipeline}/execution/{self._new_id()}"
        values = (
            arn, pipeline, version, ExecutionStatus.EXECUTING.value, document.sha256, json.dumps(dict(parameters)),
            fingerprint, use_cache, now().isoformat(),
        )  # fmt: skip
        with self._state.transaction() as db:
            twin = _equal_execution(db, pipeline, version, fingerprint, use_cache=use_cache)
            if not twin:
                db.execute(
                    "INSERT INTO executions (arn, pipeline, version, status, definition_sha256, parameters, "
                    "fingerprint, use_cache, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
        arn = twin or arn
        found = self._state.execution(arn)
        assert found is not None
        return found

    def follow_execution(self, arn: str, observe: Observer) -> Execution:
        """Run the execution to its end, or where another process runs it already, watch it."""
        with self._owned(arn, observe) as execution:
            if execution.status.ended and execution.status is not ExecutionStatus.STOPPED:
                return execution
            self._run(execution, observe)
        ended = self._state.execution(arn)
        assert ended is not None
        return ended

    def _run(self, execution: Execution, observe: Observer) -> None:
        document = load_definition(self.definition_of(execution.arn))
        variables = _execution_scope(execution.arn, execution.pipeline, started=execution.started.isoformat())
        scope = self._scope(document, execution.parameters, variables)
        self._state.set_execution(execution.arn, ExecutionStatus.EXECUTING)
        self._state.reset_steps(execution.arn)
        for state in self.list_steps(execution.arn):
            if state.status is StepStatus.SUCCEEDED:
                observe(state)
        use_cache = self._state.uses_cache(execution.arn)
        try:
            status = Run(self._engine, execution, document, scope, use_cache=use_cache).run(observe)
        except KeyboardInterrupt:
            self._state.set_execution(execution.arn, ExecutionStatus.STOPPED, ended=now(), reason="interrupted")
            raise
        except BaseException as error:
            self._state.set_execution(execution.arn, ExecutionStatus.FAILED, ended=now(), reason=str(error))
            raise
        reason = _failure_reason(self.list_steps(execution.arn))
        self._state.set_execution(execution.arn, status, ended=now(), reason=reason)

    @contextmanager
    def _owned(self, arn: str, observe: Observer) -> Iterator[Execution]:
        """Hold the execution's lock: the process that runs it has it, and loses it with its life, however that ends."""
        execution = self._state.execution(arn)
        assert execution is not None
        folder = self._engine.jobs_folder / execution.id
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            seen: dict[str, StepState] = {}
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    for state in self.list_steps(arn):
                        if state.status is not StepStatus.WAITING and seen.get(state.name) != state:
                            seen[state.name] = state
                            observe(state)
                    time.sleep(0.2)
            execution = self._state.execution(arn)
            assert execution is not None
            yield execution

    def list_steps(self, arn: str) -> tuple[StepState, ...]:
        """Every step of the execution's definition, in topological order."""
        known = self._state.steps(arn)
        document = load_definition(self.definition_of(arn))
        skipped = skipped_steps(document, self._state.results(arn))
        return tuple(
            replace(state, status=StepStatus.SKIPPED) if state.name in skipped else state
            for state in (known.get(step.name) or _waiting(step) for step in document.steps)
        )

    def definition_of(self, arn: str) -> bytes:
        """Return the bytes that the execution runs."""
        rows = self._state.query(
            "SELECT content FROM executions JOIN versions USING (pipeline, version) WHERE arn = ?", arn
        )
        if not rows:
            raise InputProblems(Problem(id="PB441", message=f"there is no execution '{arn}'"))
        return bytes(rows[0]["content"])

    def read_log(self, arn: str, step: str) -> str:
        """Return the log of the step's job; of a cached step the log of the job that made the result."""
        known = self._state.steps(arn).get(step)
        if known is None:
            return ""
        if known.cache_hit:
            return self.read_log(known.cache_hit, step)
        lines = log_tail(Path(known.log), _LOG_LINES) if known.log else ()
        return "\n".join(lines) + ("\n" if lines else "")


def _failure_reason(states: Sequence[StepState]) -> str:
    """Return what a Fail step says, else which steps failed."""
    failed = [state for state in states if state.status is StepStatus.FAILED]
    said = [state.failure_reason for state in failed if state.type == "Fail"]
    names = ", ".join(state.name for state in failed if state.type != "Fail")
    return "; ".join([*said, *([f"steps failed: {names}"] if names else [])])


def _waiting(step: Step) -> StepState:
    return StepState(name=step.name, type=step.type, status=StepStatus.WAITING, attempts=0)


def _execution_scope(arn: str, pipeline: str, started: str = "") -> dict[str, str]:
    return {
        "PipelineExecutionId": arn.rsplit("/", 1)[-1],
        "PipelineExecutionArn": arn,
        "PipelineName": pipeline,
        "PipelineArn": f"{_ARN}/{pipeline}",
        "StartDateTime": started,
        "CurrentDateTime": started,
    }


def _equal_execution(db: sqlite3.Connection, pipeline: str, version: int, fingerprint: str, *, use_cache: bool) -> str:
    """Return the newest execution where it has the fingerprint and is going on, or has done the work already."""
    row = db.execute(
        "SELECT arn, status, use_cache, fingerprint FROM executions WHERE pipeline = ? AND version = ? "
        "ORDER BY number DESC LIMIT 1",
        (pipeline, version),
    ).fetchone()
    if not row or row["fingerprint"] != fingerprint or bool(row["use_cache"]) != use_cache:
        return ""
    ends = (ExecutionStatus.EXECUTING.value, *([ExecutionStatus.SUCCEEDED.value] if use_cache else []))
    return str(row["arn"]) if row["status"] in ends else ""
