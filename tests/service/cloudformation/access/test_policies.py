"""Policies of whatever service: no wide action, no `*` without a reason, as IAM and another's linter of policies take them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.access.packing import INLINE, MANAGED, MOST_MANAGED
from pipeline_builder.service.cloudformation.access.roles import Facts, build_access
from pipeline_builder.service.cloudformation.access.statements import Role, Statement
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from tests.service.cloudformation.access.facts import all_facts, definition_with, facts_with, large_facts
from tests.service.cloudformation.access.iam import documents, size
from tests.service.services import ACCOUNT, KEY, REGION, read_service, render

# Actions that parliament's list lacks; AWS's service authorization reference has each with the resource type here.
NEWER = {
    "sagemaker:ListPipelineVersions": ("pipeline",),
}
# What parliament finds and we mean, and why.
EXPLAINED = {
    "UNKNOWN_CONDITION_FOR_ACTION: Unknown condition kms:ResourceAliases for action kms:": "AWS KMS has the key for every "
    "operation on a key (its guide: 'Using aliases to control access'); parliament's list has it for none",
    "RESOURCE_MISMATCH: [{'action': 'states:DescribeExecution', 'required_format': 'arn:*:states:*:*:express:*:*:*'}]": ""
    "an execution is a standard or an express one; parliament takes its list for both at once",
}


@cache
def parliament() -> Any:
    """Import it where it is asked for: half a second, which every process of a run would take to collect the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses pkg_resources
        import parliament as found
    return found


@cache
def privileges() -> Mapping[str, tuple[str, ...]]:
    """Return the types of resources that each action takes; `` stands for none."""
    return {
        f"{service['prefix']}:{one['privilege']}": tuple(
            kind["resource_type"].rstrip("*") for kind in one["resource_types"]
        )
        for service in parliament().iam_definition
        for one in service["privileges"]
    } | NEWER


def statements(role: Role) -> Iterator[Statement]:
    yield from role.statements
    for policy in role.managed:
        yield from policy


def _as_parliament_knows(resource: str) -> str:
    """Return a resource without what parliament doesn't know: access points, and colons in keys of objects."""
    plain = re.sub(r":s3:[^:]+:\d+:accesspoint/([^/]+)(?:/object)?", r":s3:::\1", resource)
    head, found, key = plain.partition(":s3:::")
    return f"{head}{found}{key.replace(':', '_')}" if found else plain


def findings(policy: Mapping[str, Any]) -> list[str]:
    """Return what parliament says, but for actions that its list lacks."""
    shown = [
        {**one, "Resource": [_as_parliament_knows(text) for text in one["Resource"]]} for one in policy["Statement"]
    ]
    text = json.dumps({**policy, "Statement": shown})
    for action in NEWER:
        text = text.replace(f'"{action}"', '"sagemaker:DescribePipeline"')
    return list(_said_of(text))


@cache
def _said_of(policy: str) -> tuple[str, ...]:
    """Ask parliament once for each policy: facts that differ in one thing have most of them in common."""
    analyzed = parliament().analyze_policy_string(policy)
    return tuple(f"{found.issue}: {found.detail} {found.location.get('string', '')}" for found in analyzed.findings)


@pytest.mark.long
@given(all_facts)
@settings(max_examples=60, deadline=None)
def test_whatever_the_service_is(facts: Facts) -> None:
    """No statement allows more than it names, another linter has nothing to say, and every placeholder has a value."""
    roles = build_access(facts)
    check_statements(roles)
    check_by_another(roles)
    check_placeholders(facts, roles)


def check_statements(roles: Iterable[Role]) -> None:
    for role in roles:
        names = [statement.sid for statement in statements(role)]
        assert len(names) == len(set(names)), role.name
        for statement in statements(role):
            where = f"{role.name}: {statement.sid}"
            assert statement.actions, where
            assert statement.resources, where
            for action in statement.actions:
                assert "*" not in action, where
                assert action in privileges(), where
            if "*" in statement.resources:
                assert statement.resources == ("*",), where
                assert statement.why, where
                wide = [action for action in statement.actions if set(privileges()[action]) - {""}]
                assert wide == [], where


def check_by_another(roles: Iterable[Role]) -> None:
    for role in roles:
        for policy in documents(role):
            found = [text for text in findings(policy) if not text.startswith(tuple(EXPLAINED))]
            assert found == [], role.name


@pytest.mark.long
@pytest.mark.parametrize("execution_role", ["per-repository", "make"])
def test_the_same_holds_for_the_roles_of_several_pipelines(execution_role: str) -> None:
    data = {"data": ["s3://exports/daily/"], "approval": True}
    pipelines = ({"name": "training"}, {"name": "scoring", "kind": "inference", "trigger": data}, {"name": "second"})
    scores = {"name": "daily", "pipeline": "scoring", "cron": "0 2 * * ? *"}
    model, _ = read_service(
        pipelines=pipelines, schedules=(scores,), execution_role=execution_role, wait="step-functions"
    )
    roles = [role for one in model.pipelines for role in (*one.roles, *one.people)]
    assert {"arrivals", "batch", "score", "publish"} <= {role.name for role in roles}
    check_statements(roles)
    check_by_another(roles)
    # Whoever approves by these is a person, or the stage that does it in a person's name.
    approving = {
        f"{role.id}{role.name}"
        for role in roles
        for statement in statements(role)
        if "sagemaker:UpdateModelPackage" in statement.actions
    }
    assert approving == {"promote", "worker", "OfSecondPromotepromote", "OfSecondWorkerworker"}


# In a key's own policy the resource "*" is this key. The condition for logs, and its operator, are those that AWS's guide
# "Encrypt log data in CloudWatch Logs using AWS KMS" writes for all of these actions.
EXPLAINED_OF_KEYS = {
    ("Key", "RESOURCE_STAR"),
    ("Key", "UNKNOWN_CONDITION_FOR_ACTION"),
    ("Key", "MISMATCHED_TYPE"),
}


def test_it_has_nothing_to_say_of_policies_of_resources_either() -> None:
    files = render(approval={"emails": ["ada@example.com"]}, wait="step-functions")
    found, policies = set(), []
    for name in ("storage.yaml", "service.yaml"):
        template = load_template(files[name], name)
        values = {"ArtifactBucket": "models", "KeyArn": KEY} if name == "service.yaml" else {}
        resolved = resolve_template(template, values, Home(account=ACCOUNT, region=REGION))
        for resource in resolved.resources.values():
            properties = resource.body["Properties"]
            assert isinstance(properties, dict)
            if document := properties.get("KeyPolicy") or properties.get("PolicyDocument"):
                policies.append(resource.id)
                analyzed = parliament().analyze_policy_string(json.dumps(document))
                found |= {(resource.id, one.issue) for one in analyzed.findings}
    assert policies == ["Key", "BucketPolicy", "MissedPolicy", "TopicPolicy"]
    assert found == EXPLAINED_OF_KEYS


def check_placeholders(facts: Facts, roles: Sequence[Role]) -> None:
    """Every placeholder has a value, and the same facts give the same roles."""
    assert roles == build_access(facts)
    for role in roles:
        text = json.dumps(documents(role))  # fails on a placeholder without a value
        assert "${AWS::" not in text
        has_key = "key/own" in text
        assert not (has_key and facts.service.encryption == "aws"), role.name


def test_sixty_models_and_thirty_secrets_fit() -> None:
    roles = {role.name: role for role in build_access(large_facts(60, 30))}
    assert len(roles["build"].managed) > 0
    for role in roles.values():
        inline, *managed = documents(role)
        assert size(inline) <= INLINE, role.name
        assert len(managed) <= MOST_MANAGED, role.name
        assert all(policy["Statement"] and size(policy) <= MANAGED for policy in managed), role.name
        sids = [statement.sid for statement in statements(role)]
        assert len(sids) == len(set(sids)), role.name


def test_splitting_loses_nothing_and_widens_nothing() -> None:
    facts = large_facts(60, 30)
    (build,) = (role for role in build_access(facts) if role.name == "build")
    resources = {one for statement in statements(build) for one in statement.resources if "model-package-group" in one}
    names = {name for group in facts.definition.groups for name in (group, group.lower())}
    assert {text.rsplit("/", 1)[1] for text in resources} == names


@pytest.mark.long
def test_what_iam_cannot_hold_is_a_problem_with_a_way_out() -> None:
    with pytest.raises(InputProblems) as caught:
        build_access(large_facts(400, 400))
    assert {problem.id for problem in caught.value.problems} == {"PB640"}
    assert "'build'" in caught.value.problems[0].message
    assert "services" in str(caught.value.problems[0].hint) or "manifests" in str(caught.value.problems[0].hint)


def test_roles_that_nothing_takes_on_are_left_out() -> None:
    least = [
        role.name
        for role in build_access(facts_with(service={"execution_role": "given"}, role="arn:aws:iam::1:role/r"))
    ]
    assert least == ["pipeline", "build", "train", "promote", "worker", "events"]
    most = build_access(
        facts_with(has_webhooks=True, has_polls=True, has_looks=True, has_schedules=True, has_events=True)
    )
    assert [role.name for role in most] == [
        "pipeline", "build", "train", "promote", "worker", "webhook", "events", "scheduler", "look",
        "execution",
    ]  # fmt: skip
    ours = {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
    # Lambda takes a role of the function's own account only.
    assert [role.name for role in most if role.trust_conditions != ours] == ["look"]


def test_without_models_to_register_no_role_touches_the_registry() -> None:
    roles = build_access(facts_with(definition=definition_with(groups=())))
    assert not any("model-package" in one for role in roles for s in statements(role) for one in s.resources)
