"""Tags of pipelines, executions and model packages, by ARN."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from pipeline_builder.engine.state.state import State

MOST = 50


def put_tags(db: sqlite3.Connection, arn: str, tags: Iterable[Mapping[str, str]]) -> None:
    """Add tags `{"Key": …, "Value": …}`; a key that is there gets the new value."""
    rows = [(arn, tag["Key"], tag["Value"]) for tag in tags]
    db.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)


def list_tags(state: State, arn: str) -> list[dict[str, str]]:
    """Return the tags of a resource, by key."""
    rows = state.query("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", arn)
    return [{"Key": row["key"], "Value": row["value"]} for row in rows]


def drop_tags(db: sqlite3.Connection, arn: str, keys: Iterable[str]) -> None:
    """Take tags away; a key that isn't there is none."""
    db.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])
