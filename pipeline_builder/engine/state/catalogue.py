"""Pipelines as the API sees them: names and descriptions, versions and the aliases that point to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.state import State, now

PIPELINE_ARN = "arn:aws:sagemaker:localhost:000000000000:pipeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRecord:
    """A pipeline; `details` has members of CreatePipeline as they were given, `version` is the newest."""

    name: str
    details: Mapping[str, Any]
    created: datetime
    modified: datetime
    version: int
    last_run: datetime | None

    @property
    def arn(self) -> str:
        return f"{PIPELINE_ARN}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """A version; `details` has what UpdatePipelineVersion was given, `last_run` the ARN of its last execution."""

    pipeline: str
    version: int
    definition: str
    details: Mapping[str, Any]
    aliases: tuple[str, ...]
    created: datetime
    last_run: str


_PIPELINES = (
    "SELECT pipelines.*, (SELECT MAX(version) FROM versions WHERE pipeline = name) AS newest, "
    "(SELECT MAX(started) FROM executions WHERE pipeline = name) AS last_run FROM pipelines WHERE NOT deleted"
)
_VERSIONS = (
    "SELECT versions.*, (SELECT arn FROM executions WHERE executions.pipeline = versions.pipeline "
    "AND executions.version = versions.version ORDER BY number DESC LIMIT 1) AS last_run, "
    "(SELECT json_group_array(alias) FROM aliases WHERE aliases.pipeline = versions.pipeline "
    "AND aliases.version = versions.version) AS aliases FROM versions WHERE pipeline = ?"
)


def list_pipelines(state: State) -> tuple[PipelineRecord, ...]:
    """Return every pipeline, by name."""
    return tuple(_pipeline(row) for row in state.query(f"{_PIPELINES} ORDER BY name"))


def find_pipeline(state: State, name: str) -> PipelineRecord | None:
    """Return the pipeline with this name."""
    rows = state.query(f"{_PIPELINES} AND name = ?", name)
    return _pipeline(rows[0]) if rows else None


def list_versions(state: State, pipeline: str) -> tuple[VersionRecord, ...]:
    """Return every version of a pipeline, newest first."""
    return tuple(_version(row) for row in state.query(f"{_VERSIONS} ORDER BY version DESC", pipeline))


def find_version(
    state: State, pipeline: str, version: int | None = None, alias: str | None = None
) -> VersionRecord | None:
    """Return a version by its number or an alias; the newest where neither is given."""
    if alias is not None:
        rows = state.query("SELECT version FROM aliases WHERE pipeline = ? AND alias = ?", pipeline, alias)
        if not rows or version not in (None, rows[0]["version"]):
            return None
        version = rows[0]["version"]
    where = "AND version = ?" if version is not None else "ORDER BY version DESC LIMIT 1"
    rows = state.query(f"{_VERSIONS} {where}", pipeline, *([version] if version is not None else []))
    return _version(rows[0]) if rows else None


def put_details(db: sqlite3.Connection, pipeline: str, details: Mapping[str, Any], *, anew: bool = False) -> None:
    """Change members of a pipeline's details; `anew` makes it a new pipeline, without those of a deleted one."""
    row = db.execute("SELECT details FROM pipelines WHERE name = ?", (pipeline,)).fetchone()
    merged = json.dumps({**({} if anew else row.json("details")), **details})
    time = now().isoformat()
    db.execute("UPDATE pipelines SET details = ?, modified = ? WHERE name = ?", (merged, time, pipeline))
    if anew:
        db.execute("UPDATE pipelines SET created = ? WHERE name = ?", (time, pipeline))


def put_version_details(db: sqlite3.Connection, pipeline: str, version: int, details: Mapping[str, Any]) -> None:
    """Change members of a version's details."""
    where = (pipeline, version)
    row = db.execute("SELECT details FROM versions WHERE pipeline = ? AND version = ?", where).fetchone()
    merged = json.dumps({**row.json("details"), **details})
    db.execute("UPDATE versions SET details = ? WHERE pipeline = ? AND version = ?", (merged, *where))


def put_aliases(db: sqlite3.Connection, pipeline: str, version: int, aliases: Iterable[str]) -> None:
    """Let aliases point to a version; one that pointed to another points there no longer."""
    db.executemany("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", [(pipeline, alias, version) for alias in aliases])


def drop_aliases(db: sqlite3.Connection, pipeline: str, version: int, aliases: Iterable[str]) -> None:
    """Take aliases from a version."""
    rows = [(pipeline, version, alias) for alias in aliases]
    db.executemany("DELETE FROM aliases WHERE pipeline = ? AND version = ? AND alias = ?", rows)


def drop_pipeline(db: sqlite3.Connection, pipeline: str) -> None:
    """Delete a pipeline; what it has run stays on record."""
    db.execute("UPDATE pipelines SET deleted = 1 WHERE name = ?", (pipeline,))
    db.execute("DELETE FROM aliases WHERE pipeline = ?", (pipeline,))
    db.execute("DELETE FROM tags WHERE arn = ?", (f"{PIPELINE_ARN}/{pipeline}",))


def _pipeline(row: Row) -> PipelineRecord:
    created = row.time("created")
    return PipelineRecord(
        name=row["name"],
        details=row.json("details"),
        created=created,
        modified=row.time_or_none("modified") or created,
        version=row.number("newest"),
        last_run=row.time_or_none("last_run"),
    )


def _version(row: Row) -> VersionRecord:
    created = row.time("created")
    return VersionRecord(
        pipeline=row["pipeline"],
        version=row.number("version"),
        definition=row.content("content").decode(errors="replace"),
        details=row.json("details"),
        aliases=tuple(sorted(row.list("aliases"))),
        created=created,
        last_run=row["last_run"] or "",
    )
