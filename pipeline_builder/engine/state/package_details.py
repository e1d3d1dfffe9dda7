"""Model packages and their groups as the API sees them: the whole request, and every change since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline_builder.engine.state.registry import ARN
from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.state import State, now

GROUP_ARN = ARN.replace("model-package", "model-package-group")
_SEPARATE = ("CustomerMetadataProperties", "ModelApprovalStatus", "ApprovalDescription", "Tags", "ClientToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord:
    """A model package group."""

    name: str
    description: str
    created: datetime

    @property
    def arn(self) -> str:
        return f"{GROUP_ARN}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecord:
    """A model package; `members` are those of its request, with every later change, and `customer` its own metadata."""

    arn: str
    group: str
    version: int
    approval: str
    approval_description: str
    members: Mapping[str, Any]
    customer: Mapping[str, str]
    created: datetime
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """What UpdateModelPackage changes; None and empty stand for what it leaves alone."""

    approval: str | None = None
    approval_description: str | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    remove: Sequence[str] = ()
    members: Mapping[str, Any] = field(default_factory=dict)


def list_groups(state: State) -> tuple[GroupRecord, ...]:
    """Return every model package group, oldest first."""
    return tuple(_group(row) for row in state.query("SELECT * FROM package_groups WHERE NOT deleted ORDER BY created"))


def find_group(state: State, name: str) -> GroupRecord | None:
    """Return the group with this name."""
    return next((group for group in list_groups(state) if group.name == name), None)


def put_group(db: sqlite3.Connection, name: str, description: str) -> str:
    """Add a group; return its ARN. One that was deleted is there again, its versions counting on."""
    values = (name, description, now().isoformat())
    db.execute(
        "INSERT INTO package_groups (name, description, created) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
        "SET deleted = 0, description = excluded.description, created = excluded.created",
        values,
    )
    return f"{GROUP_ARN}/{name}"


def drop_group(db: sqlite3.Connection, name: str) -> None:
    """Delete an empty group."""
    db.execute("UPDATE package_groups SET deleted = 1 WHERE name = ?", (name,))
    db.execute("DELETE FROM tags WHERE arn = ?", (f"{GROUP_ARN}/{name}",))


def list_packages(state: State, group: str | None = None) -> tuple[PackageRecord, ...]:
    """Return the packages of a group, or all, oldest first."""
    where, values = ("WHERE group_name = ?", [group]) if group is not None else ("", [])
    rows = state.query(f"SELECT * FROM packages {where} ORDER BY created, version", *values)  # noqa: S608 - fixed texts
    return tuple(_package(row) for row in rows if not _deleted(row))


def find_package(state: State, arn: str) -> PackageRecord | None:
    """Return the package with this ARN."""
    rows = state.query("SELECT * FROM packages WHERE arn = ?", arn)
    return _package(rows[0]) if rows and not _deleted(rows[0]) else None


def change_package(db: sqlite3.Connection, arn: str, change: PackageChange, *, by: str) -> None:
    """Change a package; a change of its approval is kept in the history of approvals."""
    row = db.execute("SELECT * FROM packages WHERE arn = ?", (arn,)).fetchone()
    metadata = {**row.json("metadata"), **change.add}
    kept = {key: value for key, value in metadata.items() if key not in change.remove}
    status = change.approval or row["status"]
    told = change.approval_description
    description = row["approval_description"] if told is None else told
    details = json.dumps({**row.json("details"), **change.members})
    time = now().isoformat()
    db.execute(
        "UPDATE packages SET status = ?, approval_description = ?, metadata = ?, details = ?, modified = ? "
        "WHERE arn = ?",
        (status, description, json.dumps(kept), details, time, arn),
    )
    if (status, description) != (row["status"], row["approval_description"]):
        db.execute(
            "INSERT INTO approvals (package, before, after, by_whom, description, at) VALUES (?, ?, ?, ?, ?, ?)",
            (arn, row["status"], status, by, description, time),
        )


def _deleted(row: Row) -> bool:
    return bool(row.json("details").get("deleted"))


def drop_package(db: sqlite3.Connection, arn: str) -> None:
    """Delete a package; its number isn't given again, and the history of its approvals stays."""
    db.execute("UPDATE packages SET details = json_set(details, '$.deleted', 1) WHERE arn = ?", (arn,))
    db.execute("DELETE FROM tags WHERE arn = ?", (arn,))


def _group(row: Row) -> GroupRecord:
    created = row.time("created")
    return GroupRecord(name=row["name"], description=row["description"], created=created)


def _package(row: Row) -> PackageRecord:
    created = row.time("created")
    request = row.json("request")
    own = request.get("CustomerMetadataProperties") or {}
    # The two kinds of metadata lie in one mapping, as the local target shows them.
    named = {key for key in request.get("MetadataProperties") or {} if key not in own}
    return PackageRecord(
        arn=row["arn"],
        group=row["group_name"],
        version=row.number("version"),
        approval=row["status"],
        approval_description=row["approval_description"],
        members={k: v for k, v in {**request, **row.json("details")}.items() if k not in _SEPARATE},
        customer={key: value for key, value in row.json("metadata").items() if key not in named},
        created=created,
        modified=row.time_or_none("modified") or created,
    )
