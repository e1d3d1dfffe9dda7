"""Executions that are asked for one by one, as the API does: each start is one of its own; stop, and try again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepStatus
from pipeline_builder.engine.document.document import Document, Step, load_definition, with_nested
from pipeline_builder.engine.document.flow import Flow
from pipeline_builder.engine.document.known import resolve_known
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.execution.ability import Means, find_unable, refuse_unable
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.execution.stubs import STUBS, find_unrunnable
from pipeline_builder.engine.jobs.defaults import no_secrets
from pipeline_builder.engine.jobs.packages import layers_of
from pipeline_builder.engine.jobs.requirements import Layers
from pipeline_builder.engine.jobs.resolving import absent
from pipeline_builder.engine.jobs.trial_records import absent_parents
from pipeline_builder.engine.state.catalogue import PIPELINE_ARN
from pipeline_builder.engine.state.state import TAKEN, State, now
from pipeline_builder.errors import InputProblems, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to start: `details` are members of StartPipelineExecution that stay with the execution, as given.

    `selected` are steps to run, with what they need taken from the execution `source`; all steps where it is empty. A
    Condition step stands for those inside of it.
    """

    pipeline: str
    version: int
    definition: bytes
    parameters: Mapping[str, str]
    details: Mapping[str, Any] = field(default_factory=dict)
    selected: tuple[str, ...] = ()
    source: str = ""
    fingerprint: str = ""
    use_cache: bool = True


def check_request(engine: Engine, request: Request, *, note: Callable[[str], None] = lambda _: None) -> tuple[str, ...]:
    """Return the steps whose results are taken from the source; `note` gets what has no effect on this machine.

    Raises:
        InputProblems: PB505 for parameters, PB541 for selected steps that can't run, PB501 for those without a stub
            that this machine doesn't run, PB578, and what `find_unable` refuses.
    """
    document = load_definition(request.definition)
    scope = Scope(parameters=parameter_values(document, request.parameters), execution={})
    steps = {step.name: step for step in document.steps}
    unknown = [name for name in request.selected if name not in steps]
    if unknown:
        raise _refused(f"the pipeline has no step '{unknown[0]}' to select")
    done = engine.state.steps(request.source) if request.source else {}
    if done and (when := engine.state.details(request.source).get(TAKEN)):
        message = f"what '{request.source}' has made was taken by 'gc' ({when}), so nothing can go on from it"
        raise InputProblems(
            Problem(id="PB541", message=message, hint="let the whole pipeline run, or name a newer one")
        )
    selected = with_nested(document, request.selected)
    chosen = [step for step in document.steps if not selected or step.name in selected]
    if problems := tuple(find_unrunnable(replace(document, steps=tuple(chosen)), engine.stubs)):
        raise InputProblems(*problems)
    left_out = Flow(engine.state.results(request.source) if request.source else {}).foresee(document.steps).skipped
    needed = {b: name for name in selected for b in steps[name].before if b not in selected and b not in left_out}
    for before, name in needed.items():
        if before not in done or done[before].status is not StepStatus.SUCCEEDED:
            where = f"did not succeed in '{request.source}'" if request.source else "is not selected"
            raise _refused(f"the selected step '{name}' needs the step '{before}', which {where}")
    check_able(engine, document, scope, [step for step in chosen if step.name not in engine.stubs], note=note)
    return tuple(needed)


def check_able(
    engine: Engine, document: Document, scope: Scope, running: Sequence[Step], *, note: Callable[[str], None]
) -> None:
    """Refuse what this machine can't do of the steps that are to run; `note` gets what has no effect on it.

    Raises:
        InputProblems: PB578, and what `find_unable` refuses.
    """
    refusing = engine.secrets if engine.secrets is no_secrets else None
    means = Means(
        elsewhere=engine.store.elsewhere, layers=partial(_layers, engine), images=engine.images, secrets=refusing
    )
    found = find_unable(document, scope, means, steps={step.name for step in running}) if running else ()
    named = {step.name: (step.type, resolve_known(step.arguments, scope)) for step in running}
    # An address that is none is SageMaker's to refuse: when the job is made.
    found = tuple(it for it in found if it.problem.id != "PB521" or not engine.judge(*named[it.step]))
    refuse_unable(found, (*absent(named, engine.state), *absent_parents(named, engine.state)))
    for unable in found:
        note(unable.problem.message)


def _layers(engine: Engine, step: Step, request: Mapping[str, Any]) -> Layers:
    return layers_of(step, request, engine.images, engine.store)


def _refused(message: str) -> InputProblems:
    return InputProblems(Problem(id="PB541", message=message, hint="select that step too"))


def with_stubs(engine: Engine, request: Request) -> Request:
    """Return the request with those of the engine's stubs that are for its steps."""
    names = [step.name for step in load_definition(request.definition).steps] if engine.stubs else []
    found = {name: dict(engine.stubs[name]) for name in names if name in engine.stubs}
    return replace(request, details={**request.details, STUBS: found}) if found else request


def put_execution(db: sqlite3.Connection, request: Request, taken: tuple[str, ...], new_id: str) -> str:
    """Record an execution, with the steps that are taken from its source; return its ARN."""
    arn = f"{PIPELINE_ARN}/{request.pipeline}/execution/{new_id}"
    digest = load_definition(request.definition).sha256
    time = now().isoformat()
    db.execute(
        "INSERT INTO executions (arn, pipeline, version, status, definition_sha256, parameters, fingerprint, "
        "use_cache, started, modified, details) VALUES (?, ?, ?, 'Executing', ?, ?, ?, ?, ?, ?, ?)",
        (arn, request.pipeline, request.version, digest, json.dumps(dict(request.parameters)), request.fingerprint,
         request.use_cache, time, time, json.dumps(dict(request.details))),
    )  # fmt: skip
    for name in taken:
        db.execute(
            "INSERT INTO steps (execution, name, type, status, started, ended, metadata, log, result, attempts, "
            "source) SELECT ?, name, type, status, started, ended, metadata, log, result, attempts, ? "
            "FROM steps WHERE execution = ? AND name = ?",
            (arn, request.source, request.source, name),
        )
    return arn


def count_running(db: sqlite3.Connection, pipeline: str = "") -> int:
    """Return how many executions go on, of one pipeline or of all."""
    where, values = ("AND pipeline = ?", (pipeline,)) if pipeline else ("", ())
    sql = f"SELECT COUNT(*) FROM executions WHERE status IN ('Executing', 'Stopping') {where}"  # noqa: S608 - fixed texts
    return int(db.execute(sql, values).fetchone()[0])


def ask_to_stop(db: sqlite3.Connection, arn: str) -> bool:
    """Let whoever runs the execution stop it; False where it has ended."""
    sql = (
        "UPDATE executions SET status = 'Stopping', modified = ? WHERE arn = ? AND status IN ('Executing', 'Stopping')"
    )
    return db.execute(sql, (now().isoformat(), arn)).rowcount == 1


def ask_to_retry(db: sqlite3.Connection, arn: str) -> bool:
    """Let a failed or stopped execution go on where it failed; False where it is neither."""
    found = db.execute(
        "UPDATE executions SET status = 'Executing', ended = NULL, failure_reason = '', modified = ? "
        "WHERE arn = ? AND status IN ('Failed', 'Stopped')",
        (now().isoformat(), arn),
    ).rowcount
    if found:
        db.execute(
            "UPDATE steps SET status = 'Waiting', started = NULL, ended = NULL, failure_reason = '' "
            "WHERE execution = ? AND status != 'Succeeded'",
            (arn,),
        )
    return found == 1


def taken_steps(state: State, arn: str) -> dict[str, str]:
    """Return the steps whose results another execution made, with that one's ARN."""
    rows = state.query("SELECT name, source FROM steps WHERE execution = ? AND source != ''", arn)
    return {row["name"]: row["source"] for row in rows}


def put_execution_details(db: sqlite3.Connection, arn: str, details: Mapping[str, Any]) -> None:
    """Change members of an execution's details."""
    row = db.execute("SELECT details FROM executions WHERE arn = ?", (arn,)).fetchone()
    merged = json.dumps({**row.json("details"), **details})
    db.execute("UPDATE executions SET details = ?, modified = ? WHERE arn = ?", (merged, now().isoformat(), arn))


def unfinished(state: State) -> tuple[Execution, ...]:
    """Return the executions that go on, or were interrupted, oldest first."""
    going_on = (ExecutionStatus.EXECUTING, ExecutionStatus.STOPPING)
    return tuple(execution for execution in reversed(state.executions()) if execution.status in going_on)
