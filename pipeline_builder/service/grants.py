"""Who may do what by a resolved template: each action on each resource by itself, with whom it is given to."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline_builder.descriptions import JSON
from pipeline_builder.service.cloudformation.evaluation.document import Resource, Template
from pipeline_builder.service.cloudformation.evaluation.physical import Home, made_values

Kind = Literal["role", "trust", "resource", "attached", "boundary"]
# By the type of a resource that a policy is on: where that policy stands.
_RESOURCE_POLICIES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
}
# What holds the more the fewer values it has; any other operator allows the fewer.
_NEGATIVE = re.compile(r"Not|LessThan|GreaterThan|Null")
_TOKEN = re.compile(r"\$\{[*?$]\}|.", re.DOTALL)

Condition = tuple[str, str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One action on one resource that a holder is allowed, or denied.

    The holder is a role's name (`role`, `trust`: the resource is then who takes it on; `attached`: a policy from
    elsewhere; `boundary`: what bounds it), or who is named by the policy of a resource (`resource`).
    """

    kind: Kind
    holder: str
    action: str
    resource: str
    denied: bool = False
    conditions: frozenset[Condition] = field(default_factory=frozenset)

    @property
    def bare(self) -> Grant:
        """The same without its conditions."""
        return Grant(kind=self.kind, holder=self.holder, action=self.action, resource=self.resource, denied=self.denied)


def read_grants(template: Template, home: Home) -> frozenset[Grant]:
    """Return every grant of a resolved template."""
    return frozenset(_grants(template, home))


def _grants(template: Template, home: Home) -> Iterator[Grant]:
    managed = {
        made_values(policy.type, policy.id, policy.properties, home)[""]: policy
        for policy in template.of_type("AWS::IAM::ManagedPolicy")
    }
    for resource in template.resources.values():
        match resource.type:
            case "AWS::IAM::Role":
                yield from _role(_name(resource, home), resource, managed)
            case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy":
                for key in ("Roles", "Users", "Groups"):
                    for name in _listed(resource.properties.get(key)):
                        yield from _statements("role", str(name), resource.properties.get("PolicyDocument"))
            case kind if kind in _RESOURCE_POLICIES:
                yield from _of_resource(resource, resource.properties.get(_RESOURCE_POLICIES[kind]), home)


def _name(resource: Resource, home: Home) -> str:
    return made_values(resource.type, resource.id, resource.properties, home)[""]


def _role(name: str, role: Resource, managed: Mapping[str, Resource]) -> Iterator[Grant]:
    found = role.properties
    for statement in _of(found.get("AssumeRolePolicyDocument")):
        for principal in _principals(statement):
            yield from _statement("trust", name, statement, resources=[principal])
    for policy in _listed(found.get("Policies")):
        yield from _statements("role", name, policy.get("PolicyDocument") if isinstance(policy, dict) else None)
    for arn in map(str, _listed(found.get("ManagedPolicyArns"))):
        if arn in managed:
            yield from _statements("role", name, managed[arn].properties.get("PolicyDocument"))
        else:
            yield Grant(kind="attached", holder=name, action="*", resource=arn)
    if boundary := found.get("PermissionsBoundary"):
        yield Grant(kind="boundary", holder=name, action="*", resource=str(boundary))


def _of_resource(resource: Resource, document: JSON, home: Home) -> Iterator[Grant]:
    """In the policy of a key the resource `*` is that key."""
    own = f"the {resource.type.split('::')[1]} {resource.id}" if resource.type == "AWS::KMS::Key" else ""
    for statement in _of(document):
        resources = [own] if own else _values(statement, "Resource") or [_name(resource, home)]
        for principal in _principals(statement):
            yield from _statement("resource", principal, statement, resources=resources)


def _statements(kind: Kind, holder: str, document: JSON) -> Iterator[Grant]:
    for statement in _of(document):
        yield from _statement(kind, holder, statement, resources=_values(statement, "Resource"))


def _statement(kind: Kind, holder: str, statement: Mapping[str, JSON], *, resources: list[str]) -> Iterator[Grant]:
    for action in _values(statement, "Action"):
        for resource in resources:
            yield Grant(
                kind=kind,
                holder=holder,
                action=action,
                resource=resource,
                denied=statement.get("Effect") == "Deny",
                conditions=frozenset(_conditions(statement.get("Condition"))),
            )


def _of(document: JSON) -> Iterator[Mapping[str, JSON]]:
    found = document.get("Statement") if isinstance(document, dict) else None
    yield from (statement for statement in _listed(found) if isinstance(statement, dict))


def _values(statement: Mapping[str, JSON], key: str) -> list[str]:
    """Return the values of a member; those of its opposite, such as NotAction, as one that is like no other."""
    opposite = [f"all but {value}" for value in (", ".join(sorted(map(str, _listed(statement.get(f"Not{key}"))))),)]
    return [*map(str, _listed(statement.get(key))), *(opposite if f"Not{key}" in statement else ())]


def _principals(statement: Mapping[str, JSON]) -> list[str]:
    principal = statement.get("Principal")
    named = [str(one) for group in principal.values() for one in _listed(group)] if isinstance(principal, dict) else []
    plain = [] if isinstance(principal, dict) else [str(one) for one in _listed(principal)]
    opposite = statement.get("NotPrincipal")
    return [*named, *plain, *([f"all but {json.dumps(opposite, sort_keys=True)}"] if opposite else ())]


def _conditions(found: JSON) -> Iterator[Condition]:
    for operator, tests in found.items() if isinstance(found, dict) else ():
        for key, values in tests.items() if isinstance(tests, dict) else ():
            yield operator, key, frozenset(_text(value) for value in _listed(values))


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- what is part of what


def covered(grant: Grant, others: Iterable[Grant]) -> bool:
    """Tell whether one of the others allows (or denies) all that the grant does."""
    return any(_covers(other, grant) for other in others)


def _covers(wide: Grant, narrow: Grant) -> bool:
    return (
        (wide.kind, wide.denied) == (narrow.kind, narrow.denied)
        and (wide.holder == narrow.holder or (wide.kind == "resource" and wide.holder == "*"))
        and matches(wide.action.lower(), narrow.action.lower())
        and matches(wide.resource, narrow.resource)
        and all(_holds(condition, narrow.conditions) for condition in wide.conditions)
    )


def _holds(wanted: Condition, found: frozenset[Condition]) -> bool:
    """Tell whether a condition holds wherever the found ones do."""
    operator, key, values = wanted
    return wanted in found or any(
        other == operator and name == key and _within(operator, values, allowed) for other, name, allowed in found
    )


def _within(operator: str, wide: frozenset[str], narrow: frozenset[str]) -> bool:
    if _NEGATIVE.search(operator) or operator.startswith("ForAllValues"):
        return False
    like = "Like" in operator or operator.startswith("Arn")
    return all(any(matches(one, value) if like else one == value for one in wide) for value in narrow)


@functools.lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str] | None:
    if "*" not in text and "?" not in text:
        return None
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(token) or re.escape(token) for token in _TOKEN.findall(text)), re.DOTALL)


def matches(wide: str, narrow: str) -> bool:
    """Tell whether a pattern of IAM's matches all that another one does."""
    found = _pattern(wide)
    return wide == narrow or bool(found and found.fullmatch(narrow))
