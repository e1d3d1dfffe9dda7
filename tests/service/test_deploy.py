"""Deployments against a CloudFormation of our own (see formation.py): what is shown, refused, followed and said.

The stacks are small ones of this test. That they come to an end here says nothing about the service's templates.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.endpoint
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.stacks import Stacks
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, PlanRefused
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.deploy import Deployed, Manner, ServiceTexts, Watch, deploy
from pipeline_builder.service.unwritten import decide, is_written, not_written
from pipeline_builder.stacks.stack_plan import StackPlan, render_stack_plan, stack_plan_json
from pipeline_builder.stacks.stacks import StackEvent
from tests.service.formation import ACCOUNT, REGION, Formation, forming
from tests.service.services import SERVICE as SECTION
from tests.service.services import parse_manifest

STORAGE = """\
Resources:
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}
Outputs:
  BucketName: {Value: demo-artifacts}
  KeyArn: {Value: "arn:aws:kms:eu-central-1:123456789012:key/k"}
"""
SERVICE = """\
Parameters:
  ArtifactBucket: {Type: String}
Resources:
  Project: {Type: AWS::CodeBuild::Project, Properties: {TimeoutInMinutes: 480}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: demo}}
  Weekly: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: "rate(7 days)"}}
Outputs:
  TopicArn: {Value: !Ref Topic}
"""
TAGS = {"pipeline-builder:service": "demo"}


@dataclass
class Desk:
    """A deployment's surroundings: the server, and everything that was said, shown and asked."""

    formation: Formation
    stacks: Stacks
    service: str = SERVICE
    said: list[str] = field(default_factory=list)
    shown: list[StackPlan] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    events: list[StackEvent] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def deploy(self, *, agree: bool = True, observe: Watch | None = None, **options: Any) -> tuple[Deployed, ...]:
        texts = ServiceTexts(name="demo", storage=STORAGE, service=self.service, tags=TAGS)

        def confirm(plan: StackPlan) -> bool:
            self.asked.append(plan.stack)
            return agree

        @contextmanager
        def watching(_: StackPlan | None) -> Iterator[Watch]:
            yield observe or self.events.append

        self.shown, self.asked, self.events, self.said = [], [], [], []
        manner = Manner(say=self.said.append, show=self.shown.append, confirm=confirm, watching=watching, **options)
        return deploy(texts, self.stacks, manner)

    def change(self, *replacements: tuple[str, str]) -> None:
        for old, new in replacements:
            assert old in self.service, old
            self.service = self.service.replace(old, new)

    def problem(self, kind: type[PipelineBuilderError], **options: Any) -> Any:
        with pytest.raises(kind) as caught:
            self.deploy(**options)
        (problem,) = caught.value.problems
        return problem


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    with forming() as (url, formation):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
        slept: list[float] = []
        clock = Clock(now=lambda: float(sum(slept)), sleep=slept.append, jitter=lambda _, high: high)
        yield Desk(formation, Stacks(Aws(REGION, session=session), clock=clock), slept=slept)


def statuses(desk: Desk) -> dict[str, str]:
    return {stack.name: stack.status for stack in desk.formation.stacks if stack.status != "DELETE_COMPLETE"}


@pytest.mark.long
def test_both_stacks_are_made_and_a_second_time_nothing_changes(desk: Desk) -> None:
    storage, service = desk.deploy()
    assert statuses(desk) == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}
    assert desk.asked == ["demo-storage", "demo"]
    assert desk.formation.stack("demo").parameters == {"ArtifactBucket": "demo-artifacts"}
    assert [desk.formation.stack(name).protected for name in ("demo-storage", "demo")] == [True, False]
    assert service.stack is not None
    assert service.stack.outputs["TopicArn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:demo"
    assert ("Topic", "CREATE_COMPLETE") in [(event.resource, event.status) for event in desk.events]
    assert (storage.plan.creates, [change.action for change in service.plan.changes]) == (True, ["added"] * 3)

    before = len(desk.formation.calls)
    again = desk.deploy()
    assert [deployed.plan.changed for deployed in again] == [False, False]
    assert desk.asked == []
    writes = [name for name, _ in desk.formation.calls[before:] if name not in ("DescribeStacks", "DescribeChangeSet")]
    assert writes == ["CreateChangeSet", "DescribeEvents"][:1] * 1 + [
        "DeleteChangeSet",
        "CreateChangeSet",
        "DeleteChangeSet",
    ]
    assert [len(stack.change_sets) for stack in desk.formation.stacks] == [1, 1]  # those that were executed
    assert statuses(desk) == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}


@pytest.mark.long
@pytest.mark.parametrize(
    "wording",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_both_wordings_of_no_changes(desk: Desk, wording: str) -> None:
    desk.deploy()
    desk.formation.wording = wording
    assert [deployed.plan.changed for deployed in desk.deploy()] == [False, False]


@pytest.mark.long
def test_execution_is_with_what_makes_a_repetition_safe(desk: Desk) -> None:
    desk.deploy()
    made = [given for name, given in desk.formation.calls if name == "CreateChangeSet"]
    run = [given for name, given in desk.formation.calls if name == "ExecuteChangeSet"]
    assert all(given["Capabilities.member.1"] == "CAPABILITY_NAMED_IAM" for given in made)
    assert all(given["ImportExistingResources"] == "true" for given in made)
    assert all(given["RetainExceptOnCreate"] == "true" for given in run)
    assert all(given["ClientRequestToken"].startswith("pb-") for given in run)
    tagged = [(given["Tags.member.1.Key"], given["Tags.member.1.Value"]) for given in made]
    assert tagged == [("pipeline-builder:service", "demo")] * 2


@pytest.mark.long
def test_a_schedule_that_is_gone_from_the_manifest_goes_with_the_stack(desk: Desk) -> None:
    desk.deploy()
    desk.change(('  Weekly: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: "rate(7 days)"}}\n', ""))
    _, service = desk.deploy()
    assert [(change.action, change.name) for change in service.plan.changes] == [("removed", "Weekly")]
    assert "Weekly" not in desk.formation.stack("demo").resources


@pytest.mark.long
@pytest.mark.parametrize(
    ("recreates", "action", "words"),
    [("Always", "replaced", "it replaces"), ("Conditionally", "maybe replaced", "it may replace")],
)
def test_what_holds_data_is_replaced_with_force_only(desk: Desk, recreates: str, action: str, words: str) -> None:
    desk.deploy()
    desk.formation.recreates = {"Topic.TopicName": recreates}
    desk.change(("TopicName: demo", "TopicName: other"))
    problem = desk.problem(PlanRefused)
    assert problem.id == "PB667"
    assert f"{words} 'Topic' (AWS::SNS::Topic, 'demo-topic-" in problem.message
    assert problem.message.endswith("and its confirmed subscriptions")
    assert (desk.asked, desk.formation.count("ExecuteChangeSet")) == ([], 2)
    assert list(desk.formation.stack("demo").change_sets.values())[0]["execution"] == "EXECUTE_COMPLETE"  # noqa: RUF015
    _, service = desk.deploy(force=True)
    assert [(change.action, change.name) for change in service.plan.changes] == [(action, "Topic")]
    assert desk.formation.stack("demo").resources["Topic"]["Properties"] == {"TopicName": "other"}


@pytest.mark.long
def test_what_holds_no_data_is_replaced_without_force(desk: Desk) -> None:
    desk.deploy()
    desk.formation.recreates = {"Project.TimeoutInMinutes": "Always"}
    desk.change(("480", "600"))
    _, service = desk.deploy()
    assert [change.action for change in service.plan.changes] == ["replaced"]
    (changed,) = service.plan.changes[0].properties
    assert (changed.name, changed.old, changed.new) == ("TimeoutInMinutes", "480", "600")


@pytest.mark.long
def test_a_store_that_would_be_deleted_needs_force_and_one_that_stays_does_not(desk: Desk) -> None:
    line = "  Logs: {Type: AWS::Logs::LogGroup}\n"
    desk.change(("Outputs:", f"{line}Outputs:"))
    desk.deploy()
    desk.change((line, ""))
    assert "it removes 'Logs'" in desk.problem(PlanRefused).message
    desk.change(("Outputs:", line.replace("}", ", DeletionPolicy: Retain}") + "Outputs:"))
    desk.formation.stack("demo").resources["Logs"]["DeletionPolicy"] = "Retain"
    desk.change((line.replace("}", ", DeletionPolicy: Retain}"), ""))
    _, service = desk.deploy()
    assert [(change.action, change.kept) for change in service.plan.changes] == [("removed", True)]


@pytest.mark.long
def test_a_dry_run_leaves_nothing(desk: Desk) -> None:
    storage, service = desk.deploy(dry_run=True)
    assert (statuses(desk), desk.asked, service.plan.offline) == ({"demo-storage": "DELETE_IN_PROGRESS"}, [], True)
    assert [plan.stack for plan in desk.shown] == ["demo-storage", "demo"]
    assert (storage.stack, len(service.plan.changes)) == (None, 3)
    desk.deploy()  # also while the empty stack of the dry run is still going away
    desk.change(("480", "600"))
    _, service = desk.deploy(dry_run=True)
    assert [change.name for change in service.plan.changes] == ["Project"]
    assert desk.formation.stack("demo").resources["Project"]["Properties"] == {"TimeoutInMinutes": 480}
    assert [made["execution"] for made in desk.formation.stack("demo").change_sets.values()] == ["EXECUTE_COMPLETE"]


def test_without_a_yes_nothing_happens(desk: Desk) -> None:
    problem = desk.problem(PlanRefused, agree=False)
    assert (problem.id, desk.formation.count("ExecuteChangeSet")) == ("PB668", 0)
    assert statuses(desk) == {"demo-storage": "DELETE_IN_PROGRESS"}


@pytest.mark.long
def test_a_failed_creation_tells_its_first_reason_and_the_next_one_begins_anew(desk: Desk) -> None:
    desk.formation.fails = {"Topic": 'Resource handler returned message:\n "Invalid parameter: Topic Name" (…)'}
    problem = desk.problem(OutsideFailure)
    assert problem.id == "PB682"
    assert problem.message == (
        "the deployment of the stack 'demo' failed: 'Topic' (AWS::SNS::Topic): "
        'Resource handler returned message: "Invalid parameter: Topic Name" (…)'
    )
    assert problem.hint == (
        "mend that, and repeat the command; the stack is ROLLBACK_COMPLETE: everything that was made is deleted again; "
        "the next deploy begins anew"
    )
    cancelled = [event.resource for event in desk.events if event.reason == "Resource creation cancelled"]
    assert cancelled == ["Project", "Weekly"]  # of which one came before
    desk.formation.fails = {}
    desk.deploy()
    assert desk.said == ["the stack 'demo' is ROLLBACK_COMPLETE: its creation failed; deleting what is left"]
    assert statuses(desk)["demo"] == "CREATE_COMPLETE"


@pytest.mark.long
def test_a_failed_update_is_rolled_back_and_said(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "600"), ("7 days", "1 day"))
    desk.formation.fails = {"Weekly": "User is not authorized to perform: scheduler:UpdateSchedule"}
    problem = desk.problem(OutsideFailure)
    assert "'Weekly' (AWS::Scheduler::Schedule): User is not authorized" in problem.message
    assert "lacks that permission" in problem.hint
    assert "UPDATE_ROLLBACK_COMPLETE: everything is as it was before" in problem.hint
    desk.formation.fails = {}
    desk.deploy()
    assert statuses(desk)["demo"] == "UPDATE_COMPLETE"


@pytest.mark.long
def test_a_stack_that_could_not_be_rolled_back_is_explained(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "600"))
    desk.formation.fails = {"Project": "no", "rollback": "The following resource(s) failed to update: [Project]."}
    assert "could not be brought back" in desk.problem(OutsideFailure).hint
    problem = desk.problem(OutsideFailure)
    assert (problem.id, "continue-update-rollback --stack-name demo" in problem.hint) == ("PB666", True)
    assert "failed to update: [Project]" in problem.message


@pytest.mark.long
@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_FAILED"])
def test_other_stacks_that_take_no_update(desk: Desk, status: str) -> None:
    desk.deploy()
    desk.formation.stack("demo").status = status
    problem = desk.problem(OutsideFailure)
    assert (problem.id, f"is {status} and takes no update" in problem.message) == ("PB666", True)


def test_a_change_set_that_cannot_be_made_says_why(desk: Desk) -> None:
    desk.formation.fails = {"change set": "Transform AWS::X failed"}
    problem = desk.problem(OutsideFailure)
    assert (problem.id, problem.message) == (
        "PB669", "CloudFormation can make no change set for the stack 'demo-storage': Transform AWS::X failed"
    )  # fmt: skip
    assert statuses(desk) == {"demo-storage": "DELETE_IN_PROGRESS"}


@pytest.mark.long
def test_what_is_there_already_is_to_be_deleted_or_renamed(desk: Desk) -> None:
    """CloudFormation asks for a DeletionPolicy then, which whoever deploys can't write into a rendered template."""
    said = (
        "CloudFormation is attempting to import some resources because they already exist in your account. The "
        "resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template for "
        "successful import. The affected resources are BuildRole ({RoleName=demo-build})"
    )
    desk.formation.fails = {"change set": said}
    problem = desk.problem(OutsideFailure)
    assert (problem.id, "BuildRole ({RoleName=demo-build})" in problem.message) == ("PB669", True)
    assert "in another Region" in str(problem.hint)


def test_what_the_check_before_a_deployment_finds_is_said_with_its_place(desk: Desk) -> None:
    desk.formation.fails = {
        "change set": "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]"
    }
    failing = {"EventType": "VALIDATION_ERROR", "ValidationFailureMode": "FAIL"}
    desk.formation.findings = [
        {
            **failing,
            "ValidationPath": "/Resources/Bucket/Properties/BucketNme",
            "ValidationStatusReason": "no such property",
        },
        {**failing, "ValidationPath": "/Resources/Bucket/Properties/Tags", "ValidationStatusReason": "not a list"},
        {"EventType": "VALIDATION_ERROR", "ValidationFailureMode": "WARN", "ValidationStatusReason": "only a warning"},
        {"EventType": "STACK_EVENT"},
    ]
    with pytest.raises(OutsideFailure) as caught:
        desk.deploy()
    assert [problem.message.split("'demo-storage': ")[1] for problem in caught.value.problems] == [
        "/Resources/Bucket/Properties/BucketNme: no such property",
        "/Resources/Bucket/Properties/Tags: not a list",
    ]


@pytest.mark.long
def test_somebody_elses_stack_is_left_alone(desk: Desk) -> None:
    desk.deploy()
    desk.formation.stack("demo").tags = {}
    problem = desk.problem(PlanRefused)
    assert (problem.id, "no tag 'pipeline-builder:service'" in problem.message) == ("PB686", True)
    desk.formation.stack("demo").tags = {"pipeline-builder:service": "other"}
    assert "of the service 'other'" in desk.problem(PlanRefused).message


class KilledError(Exception):
    pass


def kill(event: StackEvent) -> None:
    raise KilledError(event.id)


def begin(desk: Desk) -> None:
    """Begin an update and stop looking, as a killed deployment does."""
    desk.change(("480", "600"))
    with pytest.raises(KilledError):
        desk.deploy(observe=kill)
    assert statuses(desk)["demo"] == "UPDATE_IN_PROGRESS"


@pytest.mark.long
def test_an_operation_that_is_going_on_is_followed(desk: Desk) -> None:
    desk.deploy()
    begin(desk)
    _, service = desk.deploy()
    (said,) = desk.said
    assert said.startswith("the stack 'demo' is UPDATE_IN_PROGRESS, since 12:")
    assert said.endswith(" UTC, by a deployment of the same: following it to its end")
    assert (service.plan.changed, statuses(desk)["demo"]) == (False, "UPDATE_COMPLETE")
    assert desk.formation.count("ExecuteChangeSet") == 3
    assert ("Project", "UPDATE_COMPLETE") in [(event.resource, event.status) for event in desk.events]


@pytest.mark.long
def test_its_failure_is_ours_where_it_was_the_same_deployment(desk: Desk) -> None:
    desk.deploy()
    desk.formation.fails = {"Project": "no capacity"}
    begin(desk)
    begun = desk.formation.count("ExecuteChangeSet")
    assert "'Project' (AWS::CodeBuild::Project): no capacity" in desk.problem(OutsideFailure).message
    assert desk.formation.count("ExecuteChangeSet") == begun
    desk.formation.fails = {}
    desk.deploy()
    assert desk.formation.count("ExecuteChangeSet") == begun + 1


@pytest.mark.long
def test_the_failure_of_another_deployment_is_not(desk: Desk) -> None:
    desk.deploy()
    desk.formation.fails = {"Project": "no capacity"}
    begin(desk)
    desk.formation.fails = {}
    desk.change(("600", "700"))
    _, service = desk.deploy()
    assert (service.plan.changed, statuses(desk)["demo"]) == (True, "UPDATE_COMPLETE")


@pytest.mark.long
@pytest.mark.parametrize("operation", ["continue-update-rollback", "rollback-stack"])
def test_a_rollback_that_is_gone_on_with_is_followed_once(desk: Desk, operation: str) -> None:
    """It has no beginning of its own: before it the events have the end of what failed."""
    desk.deploy()
    desk.formation.fails = {"Project": "no", "rollback": "The following resource(s) failed to update: [Project]."}
    desk.change(("480", "600"))
    desk.problem(OutsideFailure)
    desk.formation.fails = {}
    stack = desk.formation.stack("demo")
    if operation == "rollback-stack":  # with rollbacks switched off, the update ends so
        desk.formation.turn(stack, "UPDATE_FAILED", "no")

    def settle() -> Iterator[None]:
        for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"):
            desk.formation.tell(stack, "Project", "AWS::CodeBuild::Project", status)
            yield
        desk.formation.turn(stack, "UPDATE_ROLLBACK_COMPLETE")

    desk.formation.turn(stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token="somebody")
    stack.coming = settle()
    looked = desk.formation.count("DescribeStacks")
    _, service = desk.deploy()
    (said,) = desk.said
    assert said.startswith("the stack 'demo' is UPDATE_ROLLBACK_IN_PROGRESS, since 12:")
    assert said.endswith(" UTC, not by this tool: following it to its end")
    assert desk.events[0].status == "UPDATE_ROLLBACK_IN_PROGRESS", "nothing of what failed before it"
    assert (service.plan.changed, statuses(desk)["demo"]) == (True, "UPDATE_COMPLETE")
    assert desk.formation.count("DescribeStacks") - looked < 12


def test_throttling_and_faults_are_waited_for(desk: Desk) -> None:
    desk.formation.refusals = [
        ("CreateChangeSet", "Throttling", 400), ("DescribeStackEvents", "Throttling", 400),
        ("ExecuteChangeSet", "ServiceUnavailable", 503), ("DescribeChangeSet", "InternalFailure", 500),
    ]  # fmt: skip
    desk.deploy()
    assert statuses(desk) == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}
    assert (desk.formation.refusals, desk.formation.count("ExecuteChangeSet")) == ([], 3)


@pytest.mark.long
def test_throttling_that_stays_is_said_and_the_same_command_goes_on(desk: Desk) -> None:
    desk.formation.refusals = [("DescribeStackEvents", "Throttling", 400)] * 8
    problem = desk.problem(OutsideFailure)
    assert (problem.id, "repeat the command" in problem.hint) == ("PB705", True)
    desk.deploy()
    assert statuses(desk) == {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}


def test_looking_is_quick_while_something_happens_and_slow_while_not(desk: Desk) -> None:
    desk.deploy()
    assert (min(desk.slept), max(desk.slept)) == (3.0, 6.75)


@pytest.mark.long
def test_an_end_that_is_never_listed_is_noticed(desk: Desk) -> None:
    desk.deploy()
    begin(desk)
    stack = desk.formation.stack("demo")
    before = sum(desk.slept)

    def settle() -> Iterator[None]:
        while sum(desk.slept) - before < 300:
            yield
        stack.status = "UPDATE_COMPLETE"
        yield

    stack.coming = settle()
    desk.deploy()
    assert 300 < sum(desk.slept) - before < 900


# --- what a change widens


ROLE = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: demo-churn
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: sagemaker.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: p
          PolicyDocument:
            Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub "arn:aws:s3:::${ArtifactBucket}/churn/*"}]
"""


@pytest.mark.long
def test_what_a_change_widens_is_shown_before_anybody_is_asked(desk: Desk) -> None:
    desk.change(("Resources:\n", ROLE))
    desk.deploy()
    assert [plan.widens for plan in desk.shown] == [(), ()]  # all of a new stack is new
    desk.change(("/churn/*", "/*"))
    asked = desk.problem(PlanRefused, agree=False)
    assert asked.id == "PB668"
    (plan,) = [plan for plan in desk.shown if plan.changed]
    assert plan.widens == ("demo-churn may now also read s3://demo-artifacts/* (s3:GetObject)",)
    assert plan.narrows == ()
    assert f"  widens: {plan.widens[0]}\n" in render_stack_plan(plan)
    assert json.loads(json.dumps(stack_plan_json(plan)))["widens"] == list(plan.widens)
    desk.deploy()
    desk.change(('/*"', '/churn/*"'))
    desk.deploy()
    (plan,) = [plan for plan in desk.shown if plan.changed]
    assert (plan.widens, len(plan.narrows)) == ((), 1)


@pytest.mark.long
def test_where_the_deployed_template_isnt_shown_that_is_said(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "481"))
    desk.formation.refusals.append(("GetTemplate", "AccessDenied", 403))
    desk.deploy()
    (plan,) = [plan for plan in desk.shown if plan.changed]
    assert len(plan.widens) == 1
    assert plan.widens[0].startswith("what it widens can't be told: ")


def service_manifest(**service: str) -> Manifest:
    return parse_manifest({"repos": [{"url": "a/b"}], "service": {**SECTION, "name": "demo", **service}})


@pytest.mark.long
def test_a_new_service_gets_what_is_better_and_a_deployed_one_keeps_its_own(desk: Desk) -> None:
    new = decide(service_manifest(), desk.stacks).service
    assert (new.execution_role, new.wait) == ("per-repository", "step-functions")
    desk.deploy()
    kept = decide(service_manifest(), desk.stacks)
    assert (kept.service.execution_role, kept.service.wait, is_written(kept)) == ("make", "build", True)
    assert decide(service_manifest(wait="step-functions"), desk.stacks).service.wait == "step-functions"
    desk.change(("Minutes: 480", "Minutes: 480, Description: 'arn:aws:iam::1:role/demo-{repository}'"))
    desk.deploy()
    assert decide(service_manifest(), desk.stacks).service.execution_role == "per-repository"
    assert not is_written(service_manifest())
    assert not is_written(service_manifest(execution_role="make"))
    assert is_written(service_manifest(execution_role="make", wait="build"))
    said = [problem.message for problem in not_written(service_manifest(execution_role="make"))]
    assert said == ["'wait' isn't written, so a build that waits for runs is rendered, as services of before have it"]


@pytest.mark.long
def test_a_deployed_service_that_waits_without_a_build_keeps_that(desk: Desk) -> None:
    desk.deploy()
    desk.change(("Minutes: 480", "Minutes: 480, Description: 'AWS::StepFunctions::StateMachine'"))
    desk.deploy()
    assert decide(service_manifest(), desk.stacks).service.wait == "step-functions"


def test_a_first_deployment_that_was_cut_short_is_still_a_new_service(desk: Desk) -> None:
    desk.problem(PlanRefused, agree=False)
    assert decide(service_manifest(), desk.stacks).service.execution_role == "per-repository"
