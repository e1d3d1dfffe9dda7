"""The policies of the roles as JSON, for people and tools that look at IAM without CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.cloudformation.access.packing import statement_json
from pipeline_builder.service.cloudformation.access.statements import Conditions, Role, Statement

_PLACEHOLDER = re.compile(r"\$\{(?P<literal>!)?(?P<name>[^{}]*)\}")
_VERSION = "2012-10-17"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What stands for the placeholders in statements."""

    account: str
    region: str
    bucket: str
    key: str = ""

    @property
    def values(self) -> Mapping[str, str]:
        partition = partition_of(self.region)
        return {
            "AWS::Partition": partition.name,
            "AWS::URLSuffix": partition.suffix,
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "ArtifactBucket": self.bucket,
            "KeyArn": self.key
            or f"arn:{partition.name}:kms:{self.region}:{self.account}:key/made-by-the-storage-stack",
        }


def render_policies(roles: Iterable[Role], names: Names, *, prefix: str) -> str:
    """Return every role with its policies as IAM gets them, and beside them why statements are as they are.

    `prefix` begins the roles' names.
    """
    shown = {f"{prefix}-{role.name}": role_json(role, names) for role in roles}
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def role_json(role: Role, names: Names) -> dict[str, Any]:
    """Return a role in the members that IAM's own requests have; JSON has no comments, so they are in `Why`."""
    policies = [role.statements, *role.managed]
    statements = [statement for policy in policies for statement in policy]
    trust = _document([_filled(_trust(role.trust, role.trust_conditions), names)]) if role.trust else None
    return {
        "Description": role.description,
        **({"AssumeRolePolicyDocument": trust} if trust else {}),
        "Policies": [_document([_statement(one, names) for one in policy]) for policy in policies],
        "Why": {statement.sid: statement.why for statement in statements if statement.why},
    }


def _trust(service: str, conditions: Conditions) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {**found, "Condition": {key: dict(value) for key, value in conditions.items()}} if conditions else found


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": _VERSION, "Statement": statements}


def _statement(statement: Statement, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = _filled(statement_json(statement), names)
    return found


def _filled(value: Any, names: Names) -> Any:
    """Return the value as Fn::Sub leaves it."""
    if isinstance(value, str):
        return substitute(value, names.values)
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    return {key: _filled(item, names) for key, item in value.items()} if isinstance(value, dict) else value


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Return the text as Fn::Sub does: `${Name}` is its value, `${!Name}` the text `${Name}`."""
    return _PLACEHOLDER.sub(lambda match: f"${{{match['name']}}}" if match["literal"] else values[match["name"]], text)
