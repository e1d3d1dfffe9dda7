"""The local target: pipelines, executions, objects and model packages on this machine."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import string
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.dag.caching import without_cache
from pipeline_builder.descriptions import (
    CachePrediction,
    DeployedPipeline,
    Execution,
    ExecutionStatus,
    JobDescription,
    LogPart,
    Selection,
    StepState,
    WaitingStep,
)
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.execution.execution import (
    build_scope,
    definition_of,
    execution_variables,
    is_held,
    list_steps,
    run_execution,
)
from pipeline_builder.engine.execution.fingerprint import build_fingerprint
from pipeline_builder.engine.execution.remains import standing_fingerprint
from pipeline_builder.engine.execution.stubs import check_stubs, find_unrunnable
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state.catalogue import PIPELINE_ARN
from pipeline_builder.engine.state.forgotten import find_forgotten
from pipeline_builder.engine.state.references import referring
from pipeline_builder.engine.state.registry import LocalRegistry
from pipeline_builder.engine.state.state import CAUSE, State, now
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.target import LOG_PART, Observer, Target

if TYPE_CHECKING:  # what starts, runs and explains is there from when it is needed
    from pipeline_builder.engine.execution.starts import Request

_LOG_LINES, _WHOLE_LINES = 100_000, 1_000_000
_HOW_TO_ISOLATE = "docs/local-engine.md says what it needs; without --require-isolation jobs run with your rights"


def _new_id() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def open_engine(state: Path, settings: LocalSettings) -> Engine:
    """Return the engine whose state is in the folder; the folder is made where it isn't there.

    Raises:
        OutsideFailure: PB532 where the state can't be used, PB595 where jobs are to be isolated and can't be.
    """
    if os.pathsep in str(state):
        # Environments are found by PATH, which has no way to write such a folder.
        message = f"the state '{state}' cannot be used: there is a '{os.pathsep}' in its path"
        raise OutsideFailure(Problem(id="PB532", message=message, hint="name another folder with --state"))
    isolation = find_isolation(_jobs_folder(state))
    if settings.require_isolation and isolation.missing:
        raise OutsideFailure(*(Problem(id="PB595", message=why, hint=_HOW_TO_ISOLATE) for why in isolation.missing))
    memory = State(state / "state.db")
    return Engine(
        state=memory,
        store=LocalStore(state / "store", settings.mounts, memory, settings.sources),
        registry=LocalRegistry(memory),
        environments=Environments(state / "envs"),
        images=settings.images,
        jobs_folder=_jobs_folder(state),
        jobs=settings.jobs,
        private=isolation.private,
        limits=settings.limits,
        hidden=(state, *settings.hidden, *settings.mounts.values(), *settings.sources.values()),
        shared=settings.shared,
        secrets=settings.secrets,
        reach=settings.reach,
        grace=settings.grace,
        interrupts=settings.interrupts,
        stubs=settings.stubs,
        judge=settings.judge,
    )


def _jobs_folder(state: Path) -> Path:
    """Return the folder of the jobs, for this user only: a job may leave programs there that run as their owner."""
    folder = state / "jobs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        message = f"the state '{state}' cannot be used: {error.strerror}"
        raise OutsideFailure(Problem(id="PB532", message=message, hint="name another folder with --state")) from error
    return folder


def engine_warnings(engine: Engine) -> tuple[Problem, ...]:
    """Return what people should know before anything runs on this machine."""
    missing = find_isolation(engine.jobs_folder).missing
    apart = (Problem(id="PB590", message=words, warning=True) for words in missing)
    return (*apart, *find_forgotten(engine.state, engine.jobs_folder))


def open_local_target(state: Path, settings: LocalSettings, *, new_id: Callable[[], str] = _new_id) -> Target:
    """Return the local target whose state is in the folder; the folder is made where it isn't there."""
    engine = open_engine(state, settings)
    return Target(
        name="local",
        pipelines=LocalPipelines(engine, new_id),
        store=engine.store,
        registry=engine.registry,
        warnings=engine_warnings(engine),
        preflight=lambda definition, _: tuple(find_unrunnable(load_definition(definition), engine.stubs)),
        settled=engine.store.settled,
    )


class LocalPipelines:
    """Pipelines and executions of the local target."""

    can_skip_cache = True

    def __init__(self, engine: Engine, new_id: Callable[[], str]) -> None:
        self.engine = engine
        self._state = engine.state
        self._new_id = new_id

    def describe_pipeline(self, name: str) -> DeployedPipeline | None:
        """Return the newest version."""
        rows = self._state.query(
            "SELECT versions.* FROM versions JOIN pipelines ON name = pipeline "
            "WHERE pipeline = ? AND NOT deleted ORDER BY version DESC LIMIT 1",
            name,
        )
        if not rows:
            return None
        return DeployedPipeline(
            name=name,
            arn=f"{PIPELINE_ARN}/{name}",
            definition=rows[0].content("content"),
            version=rows[0].number("version"),
        )

    def put_pipeline(self, name: str, definition: bytes) -> DeployedPipeline:
        """Add a version, unless the newest has the same bytes. A definition that can't run here is refused."""
        load_definition(definition)
        with self._state.transaction(lasting=True) as db:
            version = put_version(db, name, definition)
        return DeployedPipeline(name=name, arn=f"{PIPELINE_ARN}/{name}", definition=definition, version=version)

    def fingerprint(self, definition: bytes, parameters: Mapping[str, str]) -> str:
        """Return the sha256 of what decides the outcome: definition, parameters, data, images, Python's version.

        Where that has been done and its files are gone, it is another one.
        """
        document = load_definition(definition)
        values = parameter_values(document, parameters)
        fingerprint = build_fingerprint(document, values, self.engine)
        return standing_fingerprint(fingerprint, self._state, self.engine.store)

    def predict_cache(
        self, pipeline: str, definition: bytes, parameters: Mapping[str, str]
    ) -> tuple[CachePrediction, ...]:
        """Say for each step whether it would run or come from the cache, and why."""
        from pipeline_builder.engine.execution.prediction import predict

        document = load_definition(definition)
        scope = build_scope(document, parameters, execution_variables("predicted", pipeline), self.engine.store)
        return predict(self.engine, pipeline, document, scope)

    def list_executions(self, pipeline: str | None = None) -> tuple[Execution, ...]:
        """Newest first."""
        return self._state.executions(pipeline)

    def have_run(self) -> tuple[str, ...]:
        """Return the names of the pipelines that have executions."""
        rows = self._state.query("SELECT DISTINCT pipeline FROM executions ORDER BY pipeline")
        return tuple(str(row["pipeline"]) for row in rows)

    def describe_execution(self, arn_or_id: str) -> Execution | None:
        """Return the execution with this ARN or id."""
        return self._state.execution(arn_or_id)

    def find_caused(self, pipeline: str, cause: str) -> Execution | None:
        """Return the execution that was started with this cause."""
        return next((e for e in self._state.executions(pipeline) if e.cause == cause), None)

    def start_execution(
        self,
        pipeline: str,
        version: int,
        parameters: Mapping[str, str],
        *,
        fingerprint: str,
        use_cache: bool = True,
        selection: Selection | None = None,
        cause: str = "",
    ) -> Execution:
        """Record an execution; `follow_execution` runs it.

        An equal one that another process has started meanwhile is given instead of a second; with a cause its own.
        """
        from pipeline_builder.engine.execution.starts import Request, check_request, with_stubs

        rows = self._state.query("SELECT content FROM versions WHERE pipeline = ? AND version = ?", pipeline, version)
        new_id = self._new_id()
        if not use_cache:
            parameters = without_cache(parameters, new_id, limited=selection is not None)
        request = Request(
            pipeline=pipeline,
            version=version,
            definition=rows[0].content("content"),
            parameters=parameters,
            details={**(_selective(selection) if selection else {}), **({CAUSE: cause} if cause else {})},
            selected=selection.steps if selection else (),
            source=selection.source if selection else "",
            fingerprint=fingerprint,
            use_cache=use_cache,
        )
        check_stubs(load_definition(request.definition), self.engine.stubs)
        request = with_stubs(self.engine, request)
        with referring(self._state):
            arn = self._put(request, check_request(self.engine, request), new_id, cause)
        found = self._state.execution(arn)
        assert found is not None
        return found

    def _put(self, request: Request, taken: tuple[str, ...], new_id: str, cause: str) -> str:
        """Record the execution, unless its cause, or an equal one, has done so; return its ARN."""
        from pipeline_builder.engine.execution.starts import put_execution

        pipeline, version = request.pipeline, request.version
        with self._state.transaction(lasting=True) as db:
            twin = (
                _caused_execution(db, pipeline, cause)
                if cause
                else _equal_execution(db, pipeline, version, request.fingerprint, use_cache=request.use_cache)
            )
            return twin or put_execution(db, request, taken, new_id)

    def follow_execution(self, arn: str, observe: Observer) -> Execution:
        """Run the execution to its end, or where another process runs it already, watch it."""
        return run_execution(self.engine, arn, observe, revive=True)

    def stop_execution(self, arn: str) -> None:
        """Return when the execution and its jobs have ended; one that nobody runs, after a kill, ends here."""
        from pipeline_builder.engine.execution.starts import ask_to_stop

        with self._state.transaction() as db:
            asked = ask_to_stop(db, arn)
        if asked:
            # With an event, because a stop leaves failed steps as they are.
            run_execution(self.engine, arn, lambda _: None, halt=threading.Event())

    def retry_execution(self, arn: str) -> Execution:
        """Let a failed or stopped execution go on where it was; one that goes on already is given as it is."""
        from pipeline_builder.engine.execution.starts import ask_to_retry

        with self._state.transaction() as db:
            ask_to_retry(db, arn)
        found = self._state.execution(arn)
        assert found is not None
        return found

    def list_steps(self, arn: str) -> tuple[StepState, ...]:
        """Every step of the execution's definition, in topological order."""
        return list_steps(self._state, arn)

    def answer_step(self, token: str, *, outputs: Mapping[str, str] | None, reason: str = "") -> str:
        """Answer a step that waits."""
        from pipeline_builder.engine.jobs.waiting import answer_failure, answer_success

        if outputs is None:
            return answer_failure(self._state, token, reason).execution
        return answer_success(self._state, token, outputs).execution

    def list_waiting(self) -> tuple[WaitingStep, ...]:
        """Return every step that waits for an answer, oldest first."""
        from pipeline_builder.engine.jobs.waiting import list_waiting

        return list_waiting(self._state)

    def definition_of(self, arn: str) -> bytes:
        """Return the bytes that the execution runs."""
        return definition_of(self._state, arn)

    def read_log(self, arn: str, step: str, *, whole: bool = False) -> str:
        """Return the log of the step's job; of a cached step the log of the job that made the result."""
        known = self._state.step(arn, step)
        if known is None:
            return ""
        if known.cache_hit:
            return self.read_log(known.cache_hit, step, whole=whole)
        if not known.log:
            return ""
        from pipeline_builder.engine.jobs.logs import END, WHOLE, left_before, log_tail

        lines = log_tail(Path(known.log), _WHOLE_LINES if whole else _LOG_LINES, most=WHOLE if whole else END)
        if whole and (left := left_before(Path(known.log))):
            lines = (f"the first {left:,} bytes are left out here, the whole log is '{known.log}'", *lines)
        return "\n".join(lines) + ("\n" if lines else "")

    def read_log_part(self, arn: str, step: str, *, mark: str = "", most: int = LOG_PART) -> LogPart:
        """Return a part of the log of the step's job."""
        from pipeline_builder.engine.execution import described

        return described.read_log_part(self._state, arn, step, mark=mark, most=most)

    def describe_job(self, arn: str, step: str) -> JobDescription | None:
        """Return what the step last asked for."""
        from pipeline_builder.engine.execution import described

        return described.describe_job(self._state, arn, step)

    def is_at_work(self, arn: str) -> bool:
        """Tell whether a command holds the execution, which it loses with its life."""
        return is_held(self.engine.jobs_folder / arn.rsplit("/", 1)[-1])

    def why_ran(self, arn: str) -> Mapping[str, str]:
        """Return why the cache didn't answer, by step."""
        from pipeline_builder.engine.jobs.records import reasons_of

        return reasons_of(self._state, arn)


def _selective(selection: Selection) -> dict[str, Any]:
    steps = [{"StepName": name} for name in selection.steps]
    return {"SelectiveExecutionConfig": {"SelectedSteps": steps, "SourcePipelineExecutionArn": selection.source}}


def put_version(db: sqlite3.Connection, pipeline: str, definition: bytes) -> int:
    """Add a version to the pipeline, unless the newest has the same bytes; return its number.

    A pipeline that isn't there is made, one that was deleted is there again, its versions counting on.
    """
    time, digest = now().isoformat(), hashlib.sha256(definition).hexdigest()
    db.execute("INSERT OR IGNORE INTO pipelines (name, created) VALUES (?, ?)", (pipeline, time))
    db.execute("UPDATE pipelines SET deleted = 0, modified = ? WHERE name = ?", (time, pipeline))
    newest = db.execute(
        "SELECT version, sha256 FROM versions WHERE pipeline = ? ORDER BY version DESC LIMIT 1", (pipeline,)
    ).fetchone()
    version: int = newest["version"] if newest else 0
    if newest and newest["sha256"] == digest:
        return version
    values = (pipeline, version + 1, digest, definition, time)
    db.execute("INSERT INTO versions (pipeline, version, sha256, content, created) VALUES (?, ?, ?, ?, ?)", values)
    return version + 1


def _caused_execution(db: sqlite3.Connection, pipeline: str, cause: str) -> str:
    """Return the execution that the cause has started already."""
    rows = db.execute("SELECT arn, details FROM executions WHERE pipeline = ? ORDER BY number DESC", (pipeline,))
    return next((str(row["arn"]) for row in rows if row.json("details").get(CAUSE) == cause), "")


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
