"""What became of each job: a row from its start on, so that one can be described while it runs and after it failed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.job import Used
from pipeline_builder.engine.jobs.journal import Journal
from pipeline_builder.engine.jobs.tools import ACCOUNT, JobStoppedError, StepStoppedError, Tools, job_name
from pipeline_builder.engine.state.moved import log_here
from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.state import State, now

# By step type: the member that has the job's name, and the kind of resource in its ARN.
KINDS: Mapping[str, tuple[str, str]] = {
    "Processing": ("ProcessingJobName", "processing-job"),
    "Training": ("TrainingJobName", "training-job"),
    "Transform": ("TransformJobName", "transform-job"),
    "Tuning": ("HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
}
ALONE = "execution = '' AND step NOT LIKE '%.%' AND status IN ('InProgress', 'Stopping')"
"""Jobs that are no steps', and no trials of a tuning that is none, and haven't ended."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})
ENGINE_ENDED = "the engine ended while the job was running"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job, or a model, as it was asked for and as it ended; `result` is Describe-shaped: what is known so far.

    `kind` is the resource of its ARN, `status` that of the service: InProgress, Stopping, Completed, Failed, Stopped.
    `missed` is why the step cache didn't stand for it. `used` is what it took of the machine, `cpu` in seconds and
    `memory` in bytes, empty where nobody knows.
    """

    kind: str
    name: str
    arn: str
    execution: str
    step: str
    status: str
    reason: str
    request: Mapping[str, Any]
    result: Mapping[str, Any]
    started: datetime
    ended: datetime | None
    log: str
    missed: str
    used: Mapping[str, Any]


@dataclass(slots=True)
class Outcome:
    """What the work puts here is the job's result; what becomes of the job before, it writes into the journal.

    `complete` writes the good end, for whoever has more to write in the same transaction.
    """

    journal: Journal = field(default_factory=Journal)
    result: Mapping[str, Any] = field(default_factory=dict)
    complete: Callable[[], None] = lambda: None


def job_arn(step: Step, request: Mapping[str, Any], tools: Tools) -> str:
    """Return the ARN of a step's job."""
    member, kind = KINDS[step.type]
    return f"{ACCOUNT}:{kind}/{job_name(tools, step, request.get(member, ''))}"


@contextmanager
def recorded(state: State, step: Step, request: Mapping[str, Any], tools: Tools) -> Iterator[Outcome]:
    """Keep a record of the step's job while the body does its work; a step without a job leaves none."""
    if step.type not in KINDS:
        outcome = Outcome()
        if step.type == "Model":
            outcome.complete = lambda: _put_model(state, step, request, tools, outcome.result)
        yield outcome
        return
    member, kind = KINDS[step.type]
    name = job_name(tools, step, request.get(member, ""))
    outcome = Outcome(journal=Journal(lambda members: _keep(state, (kind, name), members)))

    def end(status: str, result: Mapping[str, Any], reason: str = "") -> None:
        _end(state, (kind, name), status, reason=reason, result=result, used=tools.meter.used)

    outcome.complete = lambda: end("Completed", outcome.result)
    log = str(tools.folder / "log.txt")
    if tools.job:
        _log_of(state, (kind, name), log)
    else:
        _begin(state, step, (kind, name, log), request, tools)
    try:
        yield outcome
    except (StepStoppedError, JobStoppedError):
        outcome.journal.end("Stopped", "Training job stopped")
        end("Stopped", outcome.journal.members)
        raise
    except BaseException as error:
        outcome.journal.end("Failed", "Training job failed")
        end("Failed", outcome.journal.members, str(error))
        raise


def _begin(state: State, step: Step, job: tuple[str, str, str], request: Mapping[str, Any], tools: Tools) -> None:
    kind, name, log = job
    values = (
        kind, name, f"{ACCOUNT}:{kind}/{name}", tools.execution, step.name, "InProgress", json.dumps(request),
        now().isoformat(), log, tools.missed,
    )  # fmt: skip
    with state.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO jobs (kind, name, arn, execution, step, status, request, started, log, missed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )


def _log_of(state: State, job: tuple[str, str], log: str) -> None:
    """Note where the log is of a job that is on record already."""
    with state.transaction() as db:
        db.execute("UPDATE jobs SET log = ? WHERE kind = ? AND name = ?", (log, *job))


def put_job(db: sqlite3.Connection, kind: str, name: str, request: Mapping[str, Any]) -> bool:
    """Record a job that is no step's, before it runs; False where there is one of this name.

    A tuning is its own step: its trials are found by that.
    """
    step = name if kind == KINDS["Tuning"][1] else ""
    values = (kind, name, f"{ACCOUNT}:{kind}/{name}", step, json.dumps(request), now().isoformat())
    sql = (
        "INSERT OR IGNORE INTO jobs (kind, name, arn, execution, step, status, request, started) "
        "VALUES (?, ?, ?, '', ?, 'InProgress', ?, ?)"
    )
    return db.execute(sql, values).rowcount == 1


def reopen_job(state: State, kind: str, name: str) -> None:
    """Let a job that was cut off be on its way again, as it was asked for; a tuning has told of its trials."""
    with state.transaction() as db:
        result = "result" if kind == KINDS["Tuning"][1] else "'{}'"
        anew = f"status = 'InProgress', reason = '', result = {result}, ended = NULL"
        db.execute(f"UPDATE jobs SET {anew} WHERE kind = ? AND name = ?", (kind, name))  # noqa: S608 - fixed texts


def fail_job(state: State, kind: str, name: str, reason: str) -> None:
    """End the record of a job that could not be begun."""
    _end(state, (kind, name), "Failed", reason=reason)


def stop_job(state: State, kind: str, name: str) -> None:
    """End the record of a job that was stopped before it had begun."""
    _end(state, (kind, name), "Stopped")


def open_jobs(state: State) -> tuple[tuple[str, str], ...]:
    """Return kind and name of each job that is no step's, nor a trial, and has not ended."""
    rows = state.query(f"SELECT kind, name FROM jobs WHERE {ALONE} ORDER BY number")  # noqa: S608 - a fixed text
    return tuple((str(row["kind"]), str(row["name"])) for row in rows)


def _put_model(state: State, step: Step, request: Mapping[str, Any], tools: Tools, result: Mapping[str, Any]) -> None:
    name = str(result["ModelName"])
    _begin(state, step, ("model", name, ""), request, tools)
    _end(state, ("model", name), "Completed", result=result)


def _end(
    state: State,
    job: tuple[str, str],
    status: str,
    *,
    reason: str = "",
    result: Mapping[str, Any] = _NOTHING,
    used: Used | None = None,
) -> None:
    """Write how a job has ended, and what it took of the machine, where anything ran."""
    taken = json.dumps({"cpu": round(used.cpu, 3), "memory": used.memory}) if used else "{}"
    with state.transaction() as db:
        db.execute(
            "UPDATE jobs SET status = ?, reason = ?, result = ?, used = ?, ended = ? WHERE kind = ? AND name = ?",
            (status, reason, json.dumps(dict(result)), taken, now().isoformat(), *job),
        )


def _keep(state: State, job: tuple[str, str], members: Mapping[str, Any]) -> None:
    with state.transaction() as db:
        db.execute("UPDATE jobs SET result = ? WHERE kind = ? AND name = ?", (json.dumps(members), *job))


def ask_jobs_to_stop(db: sqlite3.Connection, where: str, *values: str) -> bool:
    """Let whoever runs a job, or all of an execution, stop it; False where none of them goes on.

    `where` is "job", with its kind and name, or "execution", with its ARN.
    """
    conditions = {"execution": "execution = ?", "job": "kind = ? AND name = ?"}
    sql = f"UPDATE jobs SET status = 'Stopping' WHERE {conditions[where]} AND status IN ('InProgress', 'Stopping')"  # noqa: S608 - fixed texts
    return db.execute(sql, values).rowcount > 0


def stopping_steps(state: State, execution: str) -> frozenset[str]:
    """Return the steps of an execution whose jobs somebody has asked to stop, a cheap look."""
    rows = state.query("SELECT step FROM jobs WHERE execution = ? AND status = 'Stopping'", execution)
    return frozenset(str(row["step"]) for row in rows)


def put_model(db: sqlite3.Connection, arn: str, request: Mapping[str, Any]) -> bool:
    """Record a model that no execution has made; False where there is one of this name."""
    time = now().isoformat()
    values = (request["ModelName"], arn, json.dumps(request), json.dumps({**request, "ModelArn": arn}), time, time)
    found = db.execute(
        "INSERT OR IGNORE INTO jobs (kind, name, arn, execution, step, status, request, result, started, ended, log) "
        "VALUES ('model', ?, ?, '', '', 'Completed', ?, ?, ?, ?, '')",
        values,
    )
    return found.rowcount == 1


def drop_model(db: sqlite3.Connection, name: str) -> bool:
    """Forget a model; False where there is none of this name."""
    found = db.execute("DELETE FROM jobs WHERE kind = 'model' AND name = ?", (name,)).rowcount
    db.execute("DELETE FROM tags WHERE arn = ?", (f"{ACCOUNT}:model/{name}",))
    return found == 1


def close_jobs(state: State, execution: str) -> None:
    """End the records of jobs that an engine which was killed has left behind; their processes died with it."""
    _close(state, "execution = ?", execution)


def close_trials(state: State, tuning: str) -> None:
    """End those of the trials of a tuning that is no step's."""
    _close(state, "execution = '' AND step GLOB ?", f"{tuning}.*")


def _close(state: State, which: str, value: str) -> None:
    going = f"{which} AND status IN ('InProgress', 'Stopping')"
    sql = f"UPDATE jobs SET status = 'Failed', reason = ?, ended = ? WHERE {going}"  # noqa: S608 - fixed texts
    with state.transaction() as db:
        db.execute(sql, (ENGINE_ENDED, now().isoformat(), value))


def keep_log(state: State, folder: Path) -> None:
    """Put the log of a step's last job aside, before the step's folder is made anew."""
    log = folder / "log.txt"
    if not log.is_file():
        return
    kept = folder.parent / ".logs"
    kept.mkdir(exist_ok=True)
    number = sum(1 for _ in kept.glob(f"{folder.name}.*.txt")) + 1
    target = kept / f"{folder.name}.{number}.txt"
    log.replace(target)
    with state.transaction() as db:
        db.execute("UPDATE jobs SET log = ? WHERE log = ?", (str(target), str(log)))


def find_job(state: State, kind: str, name: str) -> JobRecord | None:
    """Return the job, or model, of this kind and name."""
    rows = state.query("SELECT * FROM jobs WHERE kind = ? AND name = ?", kind, name)
    return _record(state, rows[0]) if rows else None


def list_jobs(state: State, kind: str) -> tuple[JobRecord, ...]:
    """Return every job of a kind, newest first."""
    rows = state.query("SELECT * FROM jobs WHERE kind = ? ORDER BY number DESC", kind)
    return tuple(_record(state, row) for row in rows)


def jobs_like(state: State, kind: str, execution: str, step: str) -> tuple[JobRecord, ...]:
    """Return the jobs of a kind whose execution and step are like these, in SQL's sense; oldest first."""
    sql = "SELECT * FROM jobs WHERE kind = ? AND execution LIKE ? AND step LIKE ? ORDER BY number"
    return tuple(_record(state, row) for row in state.query(sql, kind, execution, step))


def jobs_of(state: State, execution: str, steps: Sequence[str]) -> dict[str, JobRecord]:
    """Return the last job of each of these steps of an execution, by step."""
    among = ",".join("?" * len(steps))
    sql = f"SELECT * FROM jobs WHERE execution = ? AND step IN ({among}) ORDER BY number"  # noqa: S608 - fixed texts
    rows = state.query(sql, execution, *steps)
    return {row["step"]: _record(state, row) for row in rows}


def reasons_of(state: State, execution: str) -> dict[str, str]:
    """Return why the step cache didn't stand for the jobs of an execution, by step: the last try's."""
    rows = state.query("SELECT step, missed FROM jobs WHERE execution = ? AND missed != '' ORDER BY number", execution)
    return {str(row["step"]): str(row["missed"]) for row in rows}


def _record(state: State, row: Row) -> JobRecord:
    started = row.time("started")
    return JobRecord(
        kind=row["kind"],
        name=row["name"],
        arn=row["arn"],
        execution=row["execution"],
        step=row["step"],
        status=row["status"],
        reason=row["reason"],
        request=row.json("request"),
        result=row.json("result"),
        started=started,
        ended=row.time_or_none("ended"),
        log=log_here(row["log"], state.folder),
        missed=row["missed"],
        used=row.json("used"),
    )
