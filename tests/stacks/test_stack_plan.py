"""What a plan of a stack says and refuses, and what is read out of events; no AWS."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pipeline_builder.errors import PlanRefused
from pipeline_builder.service.destroy import Demolition, render_demolition
from pipeline_builder.stacks.stack_plan import (
    ResourceChange,
    StackPlan,
    read_changes,
    refuse_unsafe,
    render_stack_plan,
    stack_plan_json,
    unsafe,
)
from pipeline_builder.stacks.stacks import Stack, StackEvent, StackResource, WantedStack, first_failure

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def change(action: str, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more},
    }


def detail(name: str, recreates: str = "Never", cause: str = "", **values: str) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": name, "Path": f"/Properties/{name}", "RequiresRecreation": recreates}
    return {"Target": target | values, "CausingEntity": cause}


CHANGES = [
    change("Add", "Weekly", "AWS::Scheduler::Schedule"),
    change("Import", "Bucket", "AWS::S3::Bucket", PhysicalResourceId="demo-artifacts"),
    change(
        "Modify", "Train", "AWS::CodeBuild::Project", PhysicalResourceId="demo-train", Replacement="False",
        Details=[
            detail("TimeoutInMinutes", BeforeValue="480", AfterValue="600"),
            detail("TimeoutInMinutes", cause="RunTimeoutMinutes"),
            {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}},
        ],
    ),
    change(
        "Modify", "Topic", "AWS::SNS::Topic", PhysicalResourceId="arn:demo", Replacement="True", PolicyAction="ReplaceAndDelete",
        Details=[detail("TopicName", "Always", BeforeValue="demo", AfterValue="x" * 300)],
    ),
    change(
        "Modify", "Dead", "AWS::DynamoDB::Table", Replacement="Conditional", PolicyAction="ReplaceAndRetain",
        Details=[detail("KmsMasterKeyId", "Conditionally", cause="Key.Arn")],
    ),
    change("Remove", "Logs", "AWS::Logs::LogGroup", PhysicalResourceId="/aws/codebuild/demo-old", PolicyAction="Delete"),
    change("Remove", "Kept", "AWS::Logs::LogGroup", PhysicalResourceId="/aws/codebuild/demo-kept", PolicyAction="Retain"),
    change("Dynamic", "Odd", "AWS::CloudFormation::Stack"),
]  # fmt: skip
PLAN = StackPlan(stack="demo", creates=False, changes=read_changes(CHANGES), change_set="arn:cs")


def test_a_plan_as_it_is_read() -> None:
    assert render_stack_plan(PLAN) == (
        "stack 'demo' will change: 1 added, 1 imported, 1 changed, 1 replaced, 2 maybe replaced, 2 removed\n"
        "  needs --force: it replaces 'Topic' (AWS::SNS::Topic, 'arn:demo'), and its confirmed subscriptions\n"
        "  needs --force: it may replace 'Dead' (AWS::DynamoDB::Table); its items would stay in the old one, "
        "and the new one begins empty\n"
        "  needs --force: it removes 'Logs' (AWS::Logs::LogGroup, '/aws/codebuild/demo-old'), and its logs\n"
        "  + AWS::Scheduler::Schedule    Weekly\n"
        "  + AWS::S3::Bucket             Bucket (demo-artifacts): it is there already and becomes part of the stack\n"
        "  ~ AWS::CodeBuild::Project     Train (demo-train)\n"
        "      TimeoutInMinutes: 480 -> 600\n"
        "      Tags\n"
        "  ! AWS::SNS::Topic             Topic (arn:demo): a new one takes its place\n"
        f"      TopicName: demo -> {'x' * 119}…  (replaces it)\n"
        "  ! AWS::DynamoDB::Table        Dead: a new one may take its place; CloudFormation can't tell before\n"
        "      KmsMasterKeyId  (may replace it, through Key.Arn)\n"
        "  - AWS::Logs::LogGroup         Logs (/aws/codebuild/demo-old)\n"
        "  - AWS::Logs::LogGroup         Kept (/aws/codebuild/demo-kept): it stays there, outside of the stack\n"
        "  ! AWS::CloudFormation::Stack  Odd: a new one may take its place; CloudFormation can't tell before\n"
    )


def test_a_plan_for_machines() -> None:
    found = stack_plan_json(PLAN)
    assert (found["changed"], found["stack"], len(unsafe(PLAN))) == (True, "demo", 3)
    assert isinstance(found["changes"], tuple)
    assert found["unsafe"] == list(unsafe(PLAN))


def test_a_plan_that_would_lose_data_names_each_loss() -> None:
    with pytest.raises(PlanRefused) as caught:
        refuse_unsafe(PLAN)
    assert [problem.id for problem in caught.value.problems] == ["PB667"] * 3
    refuse_unsafe(StackPlan(stack="demo", creates=False, changes=PLAN.changes[:3], change_set="arn:cs"))


def test_other_headlines() -> None:
    assert render_stack_plan(StackPlan(stack="demo", creates=False)) == "stack 'demo' is unchanged\n"
    outputs = StackPlan(stack="demo", creates=False, change_set="arn:cs")
    assert render_stack_plan(outputs) == "stack 'demo' will change: no resource, only its outputs\n"
    first = StackPlan(
        stack="demo", creates=True, offline=True, changes=(ResourceChange(action="added", name="A", type="T"),)
    )
    assert render_stack_plan(first).split("\n")[0] == (
        "stack 'demo' will be created: 1 added (by its template: CloudFormation is asked once the storage stack is there)"
    )


def stack(status: str = "UPDATE_COMPLETE", minute: int = 0) -> Stack:
    return Stack(name="demo", id="arn:demo", status=status, changed=NOON.replace(minute=minute))


def test_the_name_of_a_change_set_is_of_the_content_and_of_what_it_changes() -> None:
    wanted = WantedStack(name="demo", template="a", parameters={"x": "1", "y": "2"}, tags={"t": "v"})
    same = WantedStack(name="demo", template="a", parameters={"y": "2", "x": "1"}, tags={"t": "v"})
    assert same.change_set(stack()) == wanted.change_set(stack())
    assert wanted.change_set(None) == wanted.change_set(stack("REVIEW_IN_PROGRESS"))
    others = [
        wanted.change_set(None), wanted.change_set(stack()), wanted.change_set(stack(minute=1)),
        WantedStack(name="demo", template="b", parameters=wanted.parameters, tags=wanted.tags).change_set(stack()),
        WantedStack(name="demo", template="a", parameters={"x": "1", "y": "3"}, tags=wanted.tags).change_set(stack()),
        WantedStack(name="demo", template="a", parameters=wanted.parameters).change_set(stack()),
    ]  # fmt: skip
    assert len(set(others)) == len(others)
    assert all(name.startswith("pb-") and len(name) <= 128 for name in others)


def event(resource: str, status: str, reason: str = "") -> StackEvent:
    about = resource == "demo"
    return StackEvent(
        id=f"{resource}{status}",
        when=NOON,
        resource=resource,
        type="T",
        status=status,
        reason=reason,
        about_stack=about,
    )


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (
            [event("A", "CREATE_FAILED", "Resource creation cancelled"), event("B", "CREATE_FAILED", "no such role")],
            "B",
        ),
        ([event("A", "UPDATE_FAILED", "Resource update cancelled"), event("B", "UPDATE_FAILED", "x")], "B"),
        ([event("A", "CREATE_FAILED", "The deployment was canceled by ECS"), event("B", "CREATE_FAILED", "x")], "A"),
        (
            [
                event("demo", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
                event("B", "CREATE_FAILED", "x"),
            ],
            "B",
        ),
        ([event("demo", "UPDATE_ROLLBACK_IN_PROGRESS", "stopped by ada")], "demo"),
        ([event("A", "CREATE_COMPLETE"), event("demo", "CREATE_COMPLETE")], None),
    ],
)
def test_the_first_failure(events: list[StackEvent], found: str | None) -> None:
    first = first_failure(events)
    assert (first.resource if first else None) == found


STORED = (
    StackResource(name="Bucket", type="AWS::S3::Bucket", physical="demo-artifacts", kept=True),
    StackResource(name="Key", type="AWS::KMS::Key", physical="k", kept=True),
    StackResource(name="KeyAlias", type="AWS::KMS::Alias", physical="alias/demo"),
)
OWN = (
    StackResource(name="Logs", type="AWS::Logs::LogGroup", physical="/aws/codebuild/demo-build"),
    StackResource(name="Pipeline", type="AWS::CodePipeline::Pipeline", physical="demo"),
)
NEVER = """\
    the SageMaker pipeline, its executions and their jobs
    model package groups and the model packages in them, endpoints
    connections to git hosts, secrets
    data, predictions and ledgers outside of the artifact bucket
"""


def test_what_destroying_takes_away_and_keeps() -> None:
    assert render_demolition(Demolition(service="demo", deleted=OWN, storage=STORED)) == (
        "service 'demo' will be deleted: 2 resources\n"
        "  - AWS::Logs::LogGroup          Logs (/aws/codebuild/demo-build): with its logs\n"
        "  - AWS::CodePipeline::Pipeline  Pipeline (demo)\n"
        "kept:\n"
        "    the stack 'demo-storage' with all data (demo-artifacts, k); --with-data deletes it\n" + NEVER
    )
    with_data = Demolition(service="demo", deleted=OWN, storage=STORED, with_data=True, bucket="demo-artifacts")
    assert render_demolition(with_data) == (
        "service 'demo' will be deleted: 4 resources\n"
        "  - AWS::Logs::LogGroup          Logs (/aws/codebuild/demo-build): with its logs\n"
        "  - AWS::CodePipeline::Pipeline  Pipeline (demo)\n"
        "  - AWS::S3::Bucket              Bucket (demo-artifacts): with its objects\n"
        "  - AWS::KMS::Alias              KeyAlias (alias/demo)\n"
        "kept:\n"
        "    AWS::KMS::Key                Key (k)\n" + NEVER
    )


def test_nothing_to_destroy() -> None:
    assert render_demolition(Demolition(service="demo")) == "service 'demo': there is nothing to delete\n"
    assert render_demolition(Demolition(service="demo", storage=STORED)) == (
        "service 'demo': there is nothing to delete; the stack 'demo-storage' stays, with all data\n"
    )
