"""The model registry of the local target: package groups, their versions, and every change of an approval."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from pipeline_builder.dag.packages import QUALITY, baselines_of, containers_of, reports_of, stage_of
from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.state import State, now
from pipeline_builder.engine.state.tags import list_tags, put_tags
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import GROUP_OWNER, decided_meanwhile, no_package

ARN = "arn:aws:sagemaker:localhost:000000000000:model-package"
GROUP_ARN = f"{ARN}-group"


class LocalRegistry:
    """Model packages in the local target's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def state(self) -> State:
        return self._state

    def put_group(self, name: str, description: str, owner: str = "") -> None:
        """Create the group; one that is there stays as it is."""
        with self._state.transaction(lasting=True) as db:
            found = db.execute("SELECT 1 FROM package_groups WHERE name = ? AND NOT deleted", (name,)).fetchone()
            _put_group(db, name, description)
            if owner and not found:
                put_tags(db, f"{GROUP_ARN}/{name}", [{"Key": GROUP_OWNER, "Value": owner}])

    def group_owner(self, name: str) -> str | None:
        """Return the repository that the group's tag names."""
        if not self._state.query("SELECT 1 FROM package_groups WHERE name = ? AND NOT deleted", name):
            return None
        tags = list_tags(self._state, f"{GROUP_ARN}/{name}")
        return next((tag["Value"] for tag in tags if tag["Key"] == GROUP_OWNER), "")

    def tag_group(self, name: str, owner: str) -> None:
        """Write the tag of the repository that owns it on a group."""
        with self._state.transaction(lasting=True) as db:
            put_tags(db, f"{GROUP_ARN}/{name}", [{"Key": GROUP_OWNER, "Value": owner}])

    def register(self, request: Mapping[str, Any], *, execution: str, step: str) -> ModelPackage:
        """Add a version to the request's group, once for each step of an execution, however often it is asked."""
        group = str(request["ModelPackageGroupName"]).rsplit("/", 1)[-1]
        with self._state.transaction(lasting=True) as db:
            _put_group(db, group, "")
            rows = db.execute("SELECT * FROM packages WHERE execution = ? AND step = ?", (execution, step)).fetchall()
            if rows:
                return _package(rows[0])
            newest = db.execute("SELECT MAX(version) FROM packages WHERE group_name = ?", (group,)).fetchone()[0] or 0
            version = newest + 1
            arn = f"{ARN}/{group}/{version}"
            status = request.get("ModelApprovalStatus") or ApprovalStatus.PENDING.value
            metadata = {
                **(request.get("MetadataProperties") or {}),
                **(request.get("CustomerMetadataProperties") or {}),
            }
            db.execute(
                "INSERT INTO packages (arn, group_name, version, status, request, metadata, execution, step, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (arn, group, version, status, json.dumps(request), json.dumps(metadata), execution, step,
                 now().isoformat()),
            )  # fmt: skip
            return _package(db.execute("SELECT * FROM packages WHERE arn = ?", (arn,)).fetchone())

    def list_packages(self, group: str) -> tuple[ModelPackage, ...]:
        """Newest version first."""
        rows = self._state.query(
            "SELECT * FROM packages WHERE group_name = ? AND json_extract(details, '$.deleted') IS NULL "
            "ORDER BY version DESC",
            group,
        )
        return tuple(_package(row) for row in rows)

    def describe_package(self, arn: str) -> ModelPackage:
        """Return the package.

        Raises:
            InputProblems: PB531 where there is none with this ARN.
        """
        rows = self._state.query("SELECT * FROM packages WHERE arn = ?", arn)
        if not rows:
            raise no_package(arn)
        return _package(rows[0])

    def set_approval(
        self,
        arn: str,
        status: ApprovalStatus,
        *,
        description: str,
        metadata: Mapping[str, str],
        by: str,
        since: ModelPackage | None = None,
    ) -> ModelPackage:
        """Set the status; the same status and description again change nothing.

        Raises:
            PlanRefused: PB481 where the package isn't as it was `since`: of several at once one comes first.
        """
        current = self.describe_package(arn)
        if current.status is status and current.approval_description == description:
            return current
        with self._state.transaction(lasting=True) as db:
            before = db.execute("SELECT * FROM packages WHERE arn = ?", (arn,)).fetchone()
            if since and (before["status"], before["approval_description"]) != (
                since.status.value,
                since.approval_description,
            ):
                raise decided_meanwhile(_package(before))
            merged = json.dumps({**before.json("metadata"), **metadata})
            db.execute(
                "UPDATE packages SET status = ?, approval_description = ?, metadata = ?, modified = ? WHERE arn = ?",
                (status.value, description, merged, now().isoformat(), arn),
            )
            db.execute(
                "INSERT INTO approvals (package, before, after, by_whom, description, at) VALUES (?, ?, ?, ?, ?, ?)",
                (arn, before["status"], status.value, by, description, now().isoformat()),
            )
        return self.describe_package(arn)

    def set_stage(self, arn: str, stage: str, status: str, *, description: str) -> None:
        """Set the stage; that a package is approved is another matter, and stays as it is."""
        found = self.describe_package(arn)
        if (found.stage, found.stage_status) == (stage, status):
            return
        cycle = json.dumps({"Stage": stage, "StageStatus": status, "StageDescription": description})
        with self._state.transaction(lasting=True) as db:
            db.execute(
                "UPDATE packages SET details = json_set(details, '$.ModelLifeCycle', json(?)), modified = ? "
                "WHERE arn = ?",
                (cycle, now().isoformat(), arn),
            )

    def copy_package(self, arn: str, role: str) -> str:
        """Refuse: there is one account on this machine.

        Raises:
            InputProblems: PB434.
        """
        del role
        message = f"'{arn}' can't be copied to another account: the local target has one"
        raise InputProblems(Problem(id="PB434", message=message, hint="--to-account is for --target aws"))

    def list_approvals(self) -> tuple[ApprovalChange, ...]:
        """Newest first."""
        rows = self._state.query(
            "SELECT approvals.*, group_name, version FROM approvals JOIN packages ON packages.arn = package "
            "ORDER BY number DESC"
        )
        return tuple(_change(row) for row in rows)


def _put_group(db: sqlite3.Connection, name: str, description: str) -> None:
    values = (name, description, now().isoformat())
    db.execute("INSERT OR IGNORE INTO package_groups (name, description, created) VALUES (?, ?, ?)", values)
    db.execute("UPDATE package_groups SET deleted = 0 WHERE name = ? AND deleted", (name,))


def _package(row: Row) -> ModelPackage:
    request = {**row.json("request"), **row.json("details")}
    containers, reports = containers_of(request), reports_of(request)
    stage, stage_status = stage_of(request)
    return ModelPackage(
        arn=row["arn"],
        group=row["group_name"],
        version=row.number("version"),
        status=row.one_of("status", ApprovalStatus),
        approval_description=row["approval_description"],
        model_data_url=containers[0].model_data_url if containers else "",
        image=containers[0].image if containers else "",
        metrics_uri=reports.get(QUALITY, ""),
        metadata=row.json("metadata"),
        created=row.time_or_none("created"),
        modified=row.time_or_none("modified"),
        execution=row["execution"],
        containers=containers,
        reports=reports,
        baselines=baselines_of(request),
        stage=stage,
        stage_status=stage_status,
    )


def _change(row: Row) -> ApprovalChange:
    when = row.time("at")
    return ApprovalChange(
        package=row["package"],
        group=row["group_name"],
        version=row.number("version"),
        before=row.one_of("before", ApprovalStatus),
        after=row.one_of("after", ApprovalStatus),
        by=row["by_whom"],
        description=row["description"],
        when=when,
    )
