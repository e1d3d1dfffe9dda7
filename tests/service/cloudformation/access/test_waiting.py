"""The role of the state machine: what its definition calls, and nothing else; and who may start it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline_builder.service.cloudformation.access.roles import Role, build_access
from pipeline_builder.service.cloudformation.description.waiting import wait_definition
from tests.service.cloudformation.access.facts import facts_with
from tests.service.cloudformation.access.iam import ACCOUNT, REGION, allows, documents
from tests.service.services import read_service

AWS = {"${AWS::Partition}": "aws", "${AWS::Region}": REGION, "${AWS::AccountId}": ACCOUNT}
EXECUTION = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tiny/execution/8kq2"
DELIVERY = "Logs"


def roles(wait: str) -> Mapping[str, Role]:
    return {role.name: role for role in build_access(facts_with(service={"name": "models", "wait": wait}))}


def called() -> set[tuple[str, str]]:
    """Return the action and the resource of each call that stands in the definition."""
    text = json.dumps(wait_definition("models", "Train"))
    for name, value in AWS.items():
        text = text.replace(name, value)
    found = set()
    for state in json.loads(text)["States"].values():
        if state["Type"] == "Task":
            service, _, operation = state["Resource"].rsplit("aws-sdk:", 1)[1].partition(":")
            prefix = {"sfn": "states"}.get(service, service)
            found.add((f"{prefix}:{operation[0].upper()}{operation[1:]}", resource_of(state["Parameters"])))
    return found


def resource_of(request: Mapping[str, Any]) -> str:
    if "PipelineExecutionArn.$" in request:
        return EXECUTION
    if "ExecutionArn.$" in request:
        (form,) = re.findall(r"'([^']+)'", request["ExecutionArn.$"])
        return str(form).format("e1", "-2")
    name = request.get("Name") or "/".join(request[f"{key}Name"] for key in ("Pipeline", "Stage", "Action"))
    return f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}"


def test_each_call_of_the_machine_is_allowed_and_no_statement_is_for_nothing() -> None:
    policies = documents(roles("step-functions")["wait"])
    calls = called()
    assert len(calls) == 5
    assert [call for call in calls if not allows(policies, *call)] == []
    for policy in policies:
        for statement in policy["Statement"]:
            others = [{"Statement": [one for one in policy["Statement"] if one is not statement]}]
            needed = not all(allows(others, *call) for call in calls)
            assert needed == (statement["Sid"] != DELIVERY), statement["Sid"]
    actions = {action for policy in policies for one in policy["Statement"] for action in one["Action"]}
    assert {action for action in actions if not action.startswith("logs:")} == {action for action, _ in calls}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("codepipeline:PutApprovalResult", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:models/Approve/Approve"),
        ("codepipeline:PutApprovalResult", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:models"),
        ("sagemaker:StopPipelineExecution", EXECUTION.replace("/tiny/", "/other/")),
        ("sagemaker:UpdateModelPackage", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/tiny-churn/1"),
        ("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:models-wait"),
    ],
)
def test_it_may_decide_nothing_about_models(action: str, resource: str) -> None:
    assert not allows(documents(roles("step-functions")["wait"]), action, resource)


def test_train_and_the_rule_may_start_it_and_nobody_where_a_build_waits() -> None:
    start = ("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:models-wait")
    may = {name for name, role in roles("step-functions").items() if allows(documents(role), *start)}
    assert may == {"train", "events"}
    before = roles("build")
    assert "wait" not in before
    assert "states:" not in json.dumps([documents(role) for role in before.values()])
    ask = ("codepipeline:ListActionExecutions", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:models")
    assert not allows(documents(before["train"]), *ask)


def test_each_pipeline_starts_its_own_machine_and_the_rules_all() -> None:
    pipelines = ({"name": "training"}, {"name": "other", "config": "*/other.yaml"})
    model, _ = read_service(pipelines=pipelines, wait="step-functions")
    every = {f"{one.name}-{role.name}": role for one in model.pipelines for role in one.roles}
    for name in ("model-service", "model-service-other"):
        machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}-wait"
        may = {known for known, role in every.items() if allows(documents(role), "states:StartExecution", machine)}
        assert may == {f"{name}-train", "model-service-events"}
