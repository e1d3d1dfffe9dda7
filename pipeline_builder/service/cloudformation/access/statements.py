"""Statements of IAM policies as texts for Fn::Sub: what comes from outside names itself in them, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Values = str | tuple[str, ...]
Conditions = Mapping[str, Mapping[str, Values]]

ACCOUNT = "${AWS::AccountId}"
REGION = "${AWS::Region}"
BUCKET = "${ArtifactBucket}"
KEY = "${KeyArn}"
# Whoever takes a role on does it for this account: no service can be talked into using it for somebody else's.
OURS: Conditions = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
# What has a meaning of its own in IAM: wildcards, and the beginning of a variable.
_SPECIAL = re.compile(r"[*?]|\$(?=\{)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement allows.

    Resources and the conditions' values are texts that stand in Fn::Sub; `why` is for people, and a resource of `*`
    never goes without it.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role: the service that takes it on, under which conditions, and what it may do.

    `name` stands behind the service's, `id` begins the names of its resources in the template. `statements` are its
    inline policy. Where they are more than one takes, the others are in `managed`, each a policy of its own.
    """

    name: str
    trust: str
    statements: tuple[Statement, ...]
    description: str
    trust_conditions: Conditions = field(default_factory=dict)
    managed: tuple[tuple[Statement, ...], ...] = ()
    id: str = ""


def literal(text: str) -> str:
    """Return a text from outside for a resource or a condition's pattern, where it matches itself only.

    IAM has escapes for its wildcards, `${*}`, `${?}` and `${$}`; Fn::Sub takes `${!` for a literal `${`.
    """
    return _SPECIAL.sub(lambda match: f"${{!{match[0]}}}", text)


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """Return an ARN in the stack's partition, and where nothing else is said in its Region and account."""
    return f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"
