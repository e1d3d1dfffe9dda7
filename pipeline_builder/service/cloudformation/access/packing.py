"""Policies within IAM's limits: what is more than an inline policy takes goes into managed ones, nothing gets wider."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.regions.partitions import LONGEST_NAME, LONGEST_SUFFIX
from pipeline_builder.regions.services import REGIONS
from pipeline_builder.service.cloudformation.access.statements import Role, Statement

# Characters without white space, as IAM counts: all inline policies of a role, one managed policy, and how many of
# these a role has (a quota that can be raised to 20).
INLINE, MANAGED, MOST_MANAGED = 10_240, 6_144, 10
_REGION = max(REGIONS, key=lambda name: (len(name), name))
# What stands for a placeholder is counted as the longest that it can be.
_LONGEST = {
    "${AWS::Partition}": LONGEST_NAME,
    "${AWS::Region}": _REGION,
    "${AWS::AccountId}": "0" * 12,
    "${AWS::URLSuffix}": LONGEST_SUFFIX,
    "${ArtifactBucket}": "b" * 63,
    "${KeyArn}": f"arn:{LONGEST_NAME}:kms:{_REGION}:{'0' * 12}:key/mrk-{'0' * 32}",
}
# A statement is cut for less room than a policy has only where there is at least so much of it.
_LONG = 1_500
_compact = json.JSONEncoder(separators=(",", ":")).encode
_AROUND = len(_compact({"Version": "2012-10-17", "Statement": []}))


def pack(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles with each statement in a policy that has room for it.

    Exact permissions are longer than wide ones. So what doesn't fit the inline policy is spread over managed ones, and
    a statement that is too long for one is cut between its resources; names are never merged under a wildcard.

    Raises:
        InputProblems: PB640 for every role that has more than ten managed policies take.
    """
    packed = [_pack(role) for role in roles]
    problems = [_too_much(role) for role in packed if len(role.managed) > MOST_MANAGED]
    if problems:
        raise InputProblems(*problems)
    return tuple(packed)


def _pack(role: Role) -> Role:
    """Fill one policy after the other; a long statement goes on in the next where this one ends.

    What has long conditions, which every part of it would have again, comes first, where there is most room.
    """
    policies: list[list[Statement]] = [[]]
    room = INLINE - _AROUND
    if sum(map(statement_size, role.statements)) <= room:
        return replace(role, managed=())
    for statement in sorted(role.statements, key=lambda one: _around(one) < _LONG):
        for part in _parts(statement, room):
            size = statement_size(part)
            if size > room:
                policies.append([])
                room = MANAGED - _AROUND
            policies[-1].append(part)
            room -= size
    inline, *managed = policies
    return replace(role, statements=tuple(inline), managed=tuple(tuple(policy) for policy in managed))


def _parts(statement: Statement, room: int) -> Iterator[Statement]:
    """Yield a statement, or its parts where it is long: the first fits the room that is left, all others a policy."""
    if statement_size(statement) <= (room if room >= _LONG else MANAGED - _AROUND):
        yield statement
        return
    around = _around(statement)
    parts: list[list[str]] = [[]]
    left = room - around
    for resource in statement.resources:
        size = _size(resource) + 1
        if size > left:
            parts.append([])
            left = MANAGED - _AROUND - around
        parts[-1].append(resource)
        left -= size
    filled = [tuple(part) for part in parts if part]
    for number, part in enumerate(filled, 1):
        yield replace(statement, sid=f"{statement.sid}{number}" if len(filled) > 1 else statement.sid, resources=part)


def _around(statement: Statement) -> int:
    """Return the characters of a statement without its resources."""
    return statement_size(replace(statement, resources=(), sid=f"{statement.sid}99"))


def statement_size(statement: Statement) -> int:
    """Return the most characters that IAM counts for a statement in a list."""
    return _size(statement_json(statement)) + 1


def statement_json(statement: Statement) -> dict[str, Any]:
    """Return the statement as a policy has it; texts are those for Fn::Sub."""
    found: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": list(statement.actions),
        "Resource": list(statement.resources),
    }
    if statement.conditions:
        found["Condition"] = {
            operator: {key: list(value) if isinstance(value, tuple) else value for key, value in keys.items()}
            for operator, keys in statement.conditions.items()
        }
    return found


def _size(value: Any) -> int:
    text = _compact(value)
    for placeholder, longest in _LONGEST.items():
        text = text.replace(placeholder, longest)
    return len(text)


def _too_much(role: Role) -> Problem:
    most = f"one inline and {MOST_MANAGED} managed policies"
    message = f"the role '{role.name}' would need {len(role.managed)} managed policies, and IAM takes {most}"
    hint = "split the models over several manifests, each with a service of its own, or put data under common prefixes"
    return Problem(id="PB640", message=message, hint=hint)
