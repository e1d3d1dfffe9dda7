"""The local target's memory: one SQLite file with pipelines, executions, steps, cache entries and packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.target import Execution, ExecutionStatus, StepState, StepStatus

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS pipelines (
  name TEXT PRIMARY KEY, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS versions (
  pipeline TEXT NOT NULL REFERENCES pipelines, version INTEGER NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL,
  created TEXT NOT NULL, PRIMARY KEY (pipeline, version)
);
CREATE TABLE IF NOT EXISTS executions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL, definition_sha256 TEXT NOT NULL, parameters TEXT NOT NULL, fingerprint TEXT NOT NULL,
  use_cache INTEGER NOT NULL DEFAULT 1, started TEXT NOT NULL, ended TEXT, failure_reason TEXT NOT NULL DEFAULT '',
  FOREIGN KEY (pipeline, version) REFERENCES versions
);
CREATE TABLE IF NOT EXISTS steps (
  execution TEXT NOT NULL REFERENCES executions (arn), name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  started TEXT, ended TEXT, cache_hit TEXT NOT NULL DEFAULT '', failure_reason TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0, metadata TEXT NOT NULL DEFAULT '{}', log TEXT NOT NULL DEFAULT '', result TEXT,
  PRIMARY KEY (execution, name)
);
CREATE TABLE IF NOT EXISTS cache (
  number INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL,
  parts TEXT NOT NULL, outputs TEXT NOT NULL, execution TEXT NOT NULL, result TEXT NOT NULL, metadata TEXT NOT NULL,
  created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS cache_by_key ON cache (pipeline, key);
CREATE TABLE IF NOT EXISTS package_groups (
  name TEXT PRIMARY KEY, description TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS packages (
  arn TEXT PRIMARY KEY, group_name TEXT NOT NULL REFERENCES package_groups, version INTEGER NOT NULL,
  status TEXT NOT NULL, approval_description TEXT NOT NULL DEFAULT '', request TEXT NOT NULL, metadata TEXT NOT NULL,
  execution TEXT NOT NULL, step TEXT NOT NULL, created TEXT NOT NULL,
  UNIQUE (group_name, version), UNIQUE (execution, step)
);
CREATE TABLE IF NOT EXISTS approvals (
  number INTEGER PRIMARY KEY AUTOINCREMENT, package TEXT NOT NULL REFERENCES packages, before TEXT NOT NULL,
  after TEXT NOT NULL, by_whom TEXT NOT NULL, description TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS digests (
  path TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL
);
"""


class State:
    """Every method is one short transaction, so that any number of processes can look and write at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            message = f"the state '{path}' cannot be used: {error}"
            hint = "where it is damaged, move it away: runs and approvals so far are lost with it, models are not"
            raise OutsideFailure(Problem(id="PB532", message=message, hint=hint)) from error

    def _prepare(self) -> None:
        with self.transaction() as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found > _VERSION:
                message = (
                    f"the state '{self._path}' was written by a newer version (format {found}, known is {_VERSION})"
                )
                raise InputProblems(Problem(id="PB530", message=message, hint="update, or use another --state"))
            if found < _VERSION:
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a write transaction, committed at the end, rolled back on an exception."""
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            # WAL with NORMAL never corrupts; only the very last commits could be missing after a power cut.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        finally:
            db.close()

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows of a reading query."""
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

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

    def uses_cache(self, arn: str) -> bool:
        """Tell whether the execution may take results from the step cache."""
        return bool(self.query("SELECT use_cache FROM executions WHERE arn = ?", arn)[0]["use_cache"])

    def set_execution(
        self, arn: str, status: ExecutionStatus, *, ended: datetime | None = None, reason: str = ""
    ) -> None:
        """Set the status; an execution that goes on has no end."""
        with self.transaction() as db:
            db.execute(
                "UPDATE executions SET status = ?, ended = ?, failure_reason = ? WHERE arn = ?",
                (status.value, _text(ended), reason, arn),
            )

    def steps(self, arn: str) -> dict[str, StepState]:
        """Return every step that has a row, by name."""
        rows = self.query("SELECT * FROM steps WHERE execution = ?", arn)
        return {row["name"]: _step(row) for row in rows}

    def results(self, arn: str) -> dict[str, dict[str, Any]]:
        """Return the results of the steps that have succeeded."""
        rows = self.query("SELECT name, result FROM steps WHERE execution = ? AND status = 'Succeeded'", arn)
        return {row["name"]: json.loads(row["result"]) for row in rows}

    def put_step(self, arn: str, state: StepState, result: Mapping[str, Any] | None = None) -> None:
        """Write a step's state, and with its end its result."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    arn, state.name, state.type, state.status.value, _text(state.started), _text(state.ended),
                    state.cache_hit, state.failure_reason, state.attempts, json.dumps(dict(state.metadata)), state.log,
                    json.dumps(result) if result is not None else None,
                ),
            )  # fmt: skip

    def reset_steps(self, arn: str) -> None:
        """Let every step wait again that has not succeeded; attempts stay counted."""
        for state in self.steps(arn).values():
            if state.status is not StepStatus.SUCCEEDED:
                waiting = replace(state, status=StepStatus.WAITING, started=None, ended=None, failure_reason="")
                self.put_step(arn, waiting)

    # --- digests of files

    def known_digest(self, path: str, stamp: str) -> str:
        """Return the digest of a file that hasn't changed since, else an empty text."""
        rows = self.query("SELECT sha256 FROM digests WHERE path = ? AND stamp = ?", path, stamp)
        return str(rows[0]["sha256"]) if rows else ""

    def remember_digest(self, path: str, stamp: str, sha256: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", (path, stamp, sha256))


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def parse_time(text: str | None) -> datetime | None:
    """Return a time that was stored as text."""
    return datetime.fromisoformat(text) if text else None


def _text(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _execution(row: sqlite3.Row) -> Execution:
    started = parse_time(row["started"])
    assert started is not None
    return Execution(
        arn=row["arn"],
        pipeline=row["pipeline"],
        version=row["version"],
        status=ExecutionStatus(row["status"]),
        definition_sha256=row["definition_sha256"],
        parameters=json.loads(row["parameters"]),
        fingerprint=row["fingerprint"],
        started=started,
        ended=parse_time(row["ended"]),
        failure_reason=row["failure_reason"],
    )


def _step(row: sqlite3.Row) -> StepState:
    return StepState(
        name=row["name"],
        type=row["type"],
        status=StepStatus(row["status"]),
        started=parse_time(row["started"]),
        ended=parse_time(row["ended"]),
        cache_hit=row["cache_hit"],
        failure_reason=row["failure_reason"],
        attempts=row["attempts"],
        metadata=json.loads(row["metadata"]),
        log=row["log"],
    )
