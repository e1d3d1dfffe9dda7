"""The local target's memory: one SQLite file with pipelines, executions, steps, cache entries and packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.engine.state.connection import Connection
from pipeline_builder.engine.state.damage import problem_of, problem_of_another, refuse_foreign
from pipeline_builder.engine.state.moved import log_here
from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.tables import MIGRATIONS
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem

Digest = tuple[str, str, str]
"""A file's path, what changes with its content, and the sha256 (hex) of that."""
_AT_ONCE = 500
"""Values of one statement, of which SQLite takes 999 everywhere."""
CAUSE = "Cause"
"""Beside the API's own members in the details of an execution: which of CodePipeline's has started it."""
TAKEN = "Taken"
"""Another one: when `gc` has taken what it has made."""


class State:
    """Every method is one short transaction, so that any number of processes can look and write at once.

    A process has one connection, whatever its threads do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = Connection(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._prepare()

    @property
    def folder(self) -> Path:
        """Where the file is, and what else is kept between commands."""
        return self._path.parent

    def _prepare(self) -> None:
        if self.query("PRAGMA user_version")[0]["user_version"] == len(MIGRATIONS):
            return  # who only looks waits for nobody who writes, and keeps nobody from it
        with self.transaction() as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if not 0 <= found <= len(MIGRATIONS):
                said = "was written by a newer version" if found > 0 else "is another program's file"
                message = f"the state '{self._path}' {said} (format {found}, known is {len(MIGRATIONS)})"
                raise InputProblems(Problem(id="PB530", message=message, hint="update, or use another --state"))
            if found == 0:
                refuse_foreign(self._path, {row["name"] for row in db.execute("SELECT name FROM sqlite_master")})
            for number, statements in enumerate(MIGRATIONS[found:], start=found + 1):
                for statement in statements:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def transaction(self, *, lasting: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection in a write transaction, committed at the end, rolled back on an exception.

        Inside of another one of the same thread it is a part of that. With `lasting` it is on the disk when this is
        through, and so is all before it; else a power cut may undo the last ones, and never a half of one.
        """
        with self._held() as db:
            if db.in_transaction:
                yield db
                return
            try:
                # WAL with NORMAL never corrupts; only the very last commits could be missing after a power cut.
                self._connection.set_up(lasting=lasting)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with suppress(sqlite3.Error):  # what has failed says more
                        db.execute("ROLLBACK")
                raise

    def query(self, sql: str, *values: object) -> list[Row]:
        """Return the rows of a reading query."""
        with self._held() as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; PB532, PB673 where the file does not let it work, which no statement is to blame for."""
        try:
            with self._connection.held() as db:
                try:
                    yield db
                except sqlite3.DatabaseError:
                    if not db.in_transaction:
                        self._connection.drop()
                    raise
        except sqlite3.DatabaseError as error:
            problem = problem_of(self._path, error)
            if problem is None:
                raise
            raise OutsideFailure(problem) from error

    # --- executions and their steps

    def executions(self, pipeline: str | None = None) -> tuple[Execution, ...]:
        """Newest first."""
        where = "WHERE pipeline = ?" if pipeline else ""
        values = (pipeline,) if pipeline else ()
        rows = self.query(f"SELECT * FROM executions {where} ORDER BY number DESC", *values)  # noqa: S608 - fixed texts
        return tuple(_execution(row) for row in rows)

    def execution(self, arn_or_id: str) -> Execution | None:
        """Return the execution with this ARN, or whose ARN ends with this id."""
        rows = self.query(
            "SELECT * FROM executions WHERE arn = ? OR arn LIKE '%:pipeline/%/execution/' || ?",
            arn_or_id,
            arn_or_id if arn_or_id.isalnum() else "",
        )
        return _execution(rows[0]) if rows else None

    def _known(self, arn: str) -> Row:
        """Return what is known of an execution; PB673 where it isn't any more: another file was put in the place."""
        rows = self.query("SELECT status, details, use_cache FROM executions WHERE arn = ?", arn)
        if not rows:
            raise OutsideFailure(problem_of_another(self._path, arn))
        return rows[0]

    def uses_cache(self, arn: str) -> bool:
        """Tell whether the execution may take results from the step cache."""
        return bool(self._known(arn)["use_cache"])

    def details(self, arn: str) -> dict[str, Any]:
        """Return what the execution was started with besides, in the words of the API."""
        details: dict[str, Any] = self._known(arn).json("details")
        return details

    def set_execution(
        self, arn: str, status: ExecutionStatus, *, ended: datetime | None = None, reason: str = ""
    ) -> None:
        """Set the status; an execution that goes on has no end."""
        with self.transaction(lasting=True) as db:
            db.execute(
                "UPDATE executions SET status = ?, ended = ?, failure_reason = ?, modified = ? WHERE arn = ?",
                (status.value, _text(ended), reason, now().isoformat(), arn),
            )

    def begin_execution(self, arn: str) -> None:
        """Say that the execution is going on, unless somebody has asked meanwhile that it stops."""
        with self.transaction() as db:
            db.execute(
                "UPDATE executions SET status = ?, ended = NULL, failure_reason = '' WHERE arn = ? AND status != ?",
                (ExecutionStatus.EXECUTING.value, arn, ExecutionStatus.STOPPING.value),
            )

    def status(self, arn: str) -> ExecutionStatus:
        """Return the execution's status, a cheap look."""
        return self._known(arn).one_of("status", ExecutionStatus)

    def steps(self, arn: str) -> dict[str, StepState]:
        """Return every step that has a row, by name."""
        rows = self.query("SELECT * FROM steps WHERE execution = ?", arn)
        return {row["name"]: _step(row, self.folder) for row in rows}

    def step(self, arn: str, name: str) -> StepState | None:
        """Return the state of one step, None where it has no row."""
        rows = self.query("SELECT * FROM steps WHERE execution = ? AND name = ?", arn, name)
        return _step(rows[0], self.folder) if rows else None

    def results(self, arn: str, names: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return the results of the steps that have succeeded, of all or of these."""
        among = "" if names is None else f" AND name IN ({','.join('?' * len(names))})"
        sql = f"SELECT name, result FROM steps WHERE execution = ? AND status = 'Succeeded'{among}"  # noqa: S608 - fixed
        rows = self.query(sql, arn, *(names or ()))
        return {row["name"]: row.json("result") for row in rows}

    def put_step(self, arn: str, state: StepState, result: Mapping[str, Any] | None = None) -> None:
        """Write a step's state, and with its end its result."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO steps (execution, name, type, status, started, ended, cache_hit, "
                "failure_reason, attempts, metadata, log, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    arn, state.name, state.type, state.status.value, _text(state.started), _text(state.ended),
                    state.cache_hit, state.failure_reason, state.attempts, json.dumps(dict(state.metadata)), state.log,
                    json.dumps(result) if result is not None else None,
                ),
            )  # fmt: skip

    def reset_steps(self, arn: str, *, keep_failed: bool = False) -> None:
        """Let every step wait again that has not succeeded (or, where asked, failed); attempts stay counted."""
        kept = (StepStatus.SUCCEEDED, StepStatus.FAILED) if keep_failed else (StepStatus.SUCCEEDED,)
        for state in self.steps(arn).values():
            if state.status not in kept:
                waiting = replace(state, status=StepStatus.WAITING, started=None, ended=None, failure_reason="")
                self.put_step(arn, waiting)

    def begin_anew(self, arn: str) -> None:
        """Let every step of an execution wait again whose files `gc` has taken: there is nothing to go on from."""
        if TAKEN in self.details(arn):
            with self.transaction() as db:
                db.execute("UPDATE steps SET status = 'Waiting' WHERE execution = ?", (arn,))
                sql = f"UPDATE executions SET details = json_remove(details, '$.{TAKEN}') WHERE arn = ?"  # noqa: S608 - fixed
                db.execute(sql, (arn,))

    # --- digests of files

    def known_digest(self, path: str, stamp: str) -> str:
        """Return the digest of a file that hasn't changed since, else an empty text."""
        rows = self.query("SELECT sha256 FROM digests WHERE path = ? AND stamp = ?", path, stamp)
        return str(rows[0]["sha256"]) if rows else ""

    def known_digests(self, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the stamp and the digest of each file that has been looked at, by its path."""
        found: dict[str, tuple[str, str]] = {}
        left = list(paths)
        while left:
            some, left = left[:_AT_ONCE], left[_AT_ONCE:]
            marks = ", ".join("?" * len(some))
            rows = self.query(f"SELECT path, stamp, sha256 FROM digests WHERE path IN ({marks})", *some)  # noqa: S608 - marks
            found |= {str(row["path"]): (str(row["stamp"]), str(row["sha256"])) for row in rows}
        return found

    def remember_digests(self, *digests: Digest) -> None:
        """Keep the digests of files, in one transaction."""
        if digests:
            with self.transaction() as db:
                db.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", digests)

    def remember_headers(self, path: str, stamp: str, etag: str, headers: Mapping[str, str]) -> None:
        """Keep what S3 gives back with an object's file."""
        values = (path, stamp, etag, json.dumps(dict(headers)))
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", values)


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def _text(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _execution(row: Row) -> Execution:
    started = row.time("started")
    details = row.json("details")
    selected = (details.get("SelectiveExecutionConfig") or {}).get("SelectedSteps") or ()
    return Execution(
        arn=row["arn"],
        pipeline=row["pipeline"],
        version=row.number("version"),
        status=row.one_of("status", ExecutionStatus),
        definition_sha256=row["definition_sha256"],
        parameters=row.json("parameters"),
        fingerprint=row["fingerprint"],
        started=started,
        ended=row.time_or_none("ended"),
        failure_reason=row["failure_reason"],
        cause=details.get(CAUSE, ""),
        selected=tuple(str(step["StepName"]) for step in selected),
    )


def _step(row: Row, folder: Path) -> StepState:
    return StepState(
        name=row["name"],
        type=row["type"],
        status=row.one_of("status", StepStatus),
        started=row.time_or_none("started"),
        ended=row.time_or_none("ended"),
        cache_hit=row["cache_hit"],
        taken_from=row["source"],
        failure_reason=row["failure_reason"],
        attempts=row.number("attempts"),
        metadata=row.json("metadata"),
        log=log_here(row["log"], folder),
    )
