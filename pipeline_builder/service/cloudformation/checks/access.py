"""IAM: what roles may do, who may take them on, and policies of buckets, keys and topics; no more than is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service

ACCESS = "PB633"
_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z0-9]+")
# "*" itself, and ARNs whose resource is nothing but that.
_EVERYTHING = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:\*")
_COMMENT = re.compile(r"(?:^|\s)#(?:\s|$)")
# Characters without white space; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_LONGEST_INLINE, _LONGEST_MANAGED, _LONGEST_TRUST = 10_240, 6_144, 2_048
_RESOURCE_POLICIES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
}


def check_access(service: Service) -> Iterator[Problem]:
    """Check every policy of the templates."""
    for role in service.of_type("AWS::IAM::Role"):
        yield from _role(role.at("Properties"), role.id)
    for policy in service.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        document = policy.at("Properties", "PolicyDocument")
        longest = _LONGEST_MANAGED if policy.at("Type").text == "AWS::IAM::ManagedPolicy" else _LONGEST_INLINE
        yield from _size(document, [document], longest, f"the policy '{policy.id}' has")
        yield from _identity(document)
    for kind, key in _RESOURCE_POLICIES.items():
        for policy in service.of_type(kind):
            for statement in policy.at("Properties", key, "Statement").items():
                yield from _resource_statement(statement, of_key=kind == "AWS::KMS::Key")


def _role(role: Node, name: str) -> Iterator[Problem]:
    trust = role.at("AssumeRolePolicyDocument")
    yield from _size(trust, [trust], _LONGEST_TRUST, f"the trust policy of '{name}' has")
    for statement in trust.at("Statement").items():
        yield from _principals(statement)
    documents = [policy.at("PolicyDocument") for policy in role.at("Policies").items()]
    yield from _size(role.at("Policies"), documents, _LONGEST_INLINE, f"the policies of '{name}' together have")
    for document in documents:
        yield from _identity(document)
    for managed in role.at("ManagedPolicyArns").items():
        if re.match(r"arn:[^:]*:iam::aws:", managed.text):
            message = f"the role '{name}' has {managed.shown}, which gives more than it needs"
            yield managed.problem(ACCESS, message, "write out what it needs")


def _size(node: Node, documents: list[Node], longest: int, what: str) -> Iterator[Problem]:
    length = sum(len(json.dumps(document.value, separators=(",", ":"))) for document in documents)
    if length > longest:
        hint = "make two services of it, with some of the pipelines each"
        yield node.problem(ACCESS, f"{what} {length} characters, IAM takes {longest}", hint, key=True)


def _identity(document: Node) -> Iterator[Problem]:
    for statement in document.at("Statement").items():
        if statement.at("Effect").text == "Deny":
            continue
        yield from _actions(statement)
        for resource in statement.at("Resource").items():
            if _EVERYTHING.fullmatch(resource.text) and not _is_explained(statement):
                message = f"{_who(statement)} is allowed on {resource.shown}, and no comment says why"
                yield resource.problem(
                    ACCESS, message, "name the resources, or say on the line above why that can't be"
                )
        if "iam:PassRole" in [action.text for action in statement.at("Action").items()]:
            yield from _pass_role(statement)


def _actions(statement: Node) -> Iterator[Problem]:
    for key in ("NotAction", "NotResource", "NotPrincipal"):
        if statement.at(key).value is not None:
            yield statement.at(key).problem(ACCESS, f"'{key}' allows everything else, also what is new", key=True)
    for action in statement.at("Action").items():
        if "*" in action.text or "?" in action.text:
            message = f"the action {action.shown} allows more than one thing, also what is new"
            yield action.problem(ACCESS, message, "write every action out")
        elif not _ACTION.fullmatch(action.text):
            yield action.problem(ACCESS, f"{action.shown} is no action, expected 'service:Action'")


def _pass_role(statement: Node) -> Iterator[Problem]:
    conditions = [
        operator for operator, node in statement.at("Condition").entries() if node.at("iam:PassedToService").items()
    ]
    if not any(operator in ("StringEquals", "StringLike") for operator in conditions):
        message = f"{_who(statement)} may pass a role on to any service"
        yield statement.problem(ACCESS, message, "add the condition 'StringEquals: {iam:PassedToService: …}'")
    for resource in statement.at("Resource").items():
        if resource.text.endswith("*"):
            yield resource.problem(ACCESS, f"{_who(statement)} may pass on roles by a pattern, {resource.shown}")


def _principals(statement: Node) -> Iterator[Problem]:
    if statement.at("Effect").text == "Deny":
        return
    principal = statement.at("Principal")
    everybody = [principal] if principal.text == "*" else []
    everybody += [item for _, kind in principal.entries() for item in kind.items() if item.text == "*"]
    for node in everybody:
        yield node.problem(ACCESS, f"{_who(statement)} is allowed to everybody ('Principal')")


def _resource_statement(statement: Node, *, of_key: bool) -> Iterator[Problem]:
    if statement.at("Effect").text == "Deny":
        return
    yield from _principals(statement)
    principals = [item.text for item in statement.at("Principal", "AWS").items()]
    # AWS's own default: without it nobody could ever change the key's policy again.
    if of_key and principals and all(re.fullmatch(r"arn:[^:]*:iam::\d{12}:root", text) for text in principals):
        return
    yield from _actions(statement)
    for resource in statement.at("Resource").items() if not of_key else ():  # in a key's policy "*" is the key
        if _EVERYTHING.fullmatch(resource.text) and not _is_explained(statement):
            yield resource.problem(ACCESS, f"{_who(statement)} is allowed on {resource.shown}")


def _who(statement: Node) -> str:
    sid = statement.at("Sid").text
    return f"the statement '{sid}' of '{statement.id}'" if sid else f"a statement of '{statement.id}'"


def _is_explained(statement: Node) -> bool:
    """Tell whether there is a comment on the statement's lines, or right above it."""
    document = statement.template.document
    depth = len(statement.path)
    inside = [line for path, (line, _) in document.values.items() if path[:depth] == statement.path]
    lines = document.source.text.split("\n")
    return any(_COMMENT.search(lines[number - 1]) for number in range(min(inside) - 1, max(inside) + 1))
