"""The rendered service on an emulator (see emulator.py): deployed by `deploy`, its schedules and rules fire.

How far that goes: the storage template is deployed as it is rendered. Of the service's, the pipeline and the report
groups are left out, which the emulator doesn't know and refuses; all other resources are made. Schedules and rules keep
everything but the address of what they start, for there is no CodePipeline and no running CodeBuild: that is a queue,
so that it is seen what they would have been asked for, and when. The emulator takes every time for UTC, looks at no
permission, and at no value that only AWS checks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.emptying import Buckets
from pipeline_builder.aws.events import put_retraining
from pipeline_builder.aws.polling import Clock
from pipeline_builder.aws.stacks import Stacks
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from pipeline_builder.service.deploy import Deployed, Manner, ServiceTexts, Watch, deploy
from pipeline_builder.service.destroy import DestroyManner, destroy
from pipeline_builder.stacks.stack_plan import StackPlan
from pipeline_builder.stacks.stacks import Ended, Stack
from tests.service.emulator import ACCOUNT, REGION, Emulator, emulating
from tests.service.services import REPOS, read_service

NAME = "model-service"
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"
UNKNOWN = ("AWS::CodePipeline::Pipeline", "AWS::CodeBuild::ReportGroup")
PIPELINE_EVENT = "CodePipeline Pipeline Execution State Change"


class EmulatedStacks(Stacks):
    """Stacks, but for what the emulator doesn't have."""

    def protect(self, stack: Stack, *, on: bool) -> None:
        """Leave it."""

    def delete(self, stack: Stack, watch: Watch) -> Ended:
        """Delete it by its name; the emulator takes an ARN for the name of a stack that isn't there."""
        return super().delete(replace(stack, id=stack.name), watch)

    def drop(self, plan: StackPlan) -> None:
        """Drop it; the emulator does, and answers with something that botocore can't read."""
        with suppress(KeyError, OutsideFailure):
            super().drop(plan)


def stacks_of(emulator: Emulator) -> Stacks:
    return EmulatedStacks(Aws(REGION, session=emulator.session), clock=Clock(sleep=lambda _: time.sleep(0.2)))


@contextmanager
def watching(_: object = None) -> Iterator[Watch]:
    yield lambda _: None


def texts(
    schedules: tuple[Mapping[str, Any], ...], starts: str, pipelines: tuple[Mapping[str, Any], ...] = ()
) -> ServiceTexts:
    """Render a service, and take what the emulator doesn't have for a queue."""
    model, _ = read_service(REPOS, schedules, poll_minutes=1, pipelines=pipelines)
    files = render_templates(model)
    data: Any = json.loads(json.dumps(load_template(files["service.yaml"], "service.yaml").data))
    resources = {name: body for name, body in data["Resources"].items() if body["Type"] not in UNKNOWN}
    data["Resources"] = {name: _known(_retargeted(body, starts)) for name, body in resources.items()}
    del data["Outputs"]
    return ServiceTexts(
        name=NAME,
        storage=files["storage.yaml"],
        service=json.dumps(data, indent=2),  # long enough to go by the bucket
        parameters={name: value for name, value in parameter_values(model).items() if value},
        tags=model.tags,
    )


def _retargeted(body: Any, starts: str) -> Any:
    properties = body["Properties"]
    if body["Type"] == "AWS::Scheduler::Schedule":
        properties["Target"]["Arn"] = starts
    for target in properties.get("Targets", ()) if body["Type"] == "AWS::Events::Rule" else ():
        target["Arn"] = target["Arn"] if target["Arn"] == {"Ref": "Topic"} else starts
    return body


def _known(value: Any) -> Any:
    """Write the pipeline's name where the template takes it from the resource that is left out."""
    if isinstance(value, dict):
        kept = {key: _known(item) for key, item in value.items() if (key, item) != ("DependsOn", "Pipeline")}
        return _LEFT_OUT.get(value.get("Ref", ""), kept)
    if isinstance(value, list):
        return [_known(item) for item in value]
    return value.replace("${Pipeline}", NAME) if isinstance(value, str) else value


_LEFT_OUT = {"Pipeline": NAME, "OfScoringPipeline": f"{NAME}-scoring"}


def run(emulator: Emulator, wanted: ServiceTexts) -> tuple[Deployed, ...]:
    manner = Manner(say=lambda _: None, show=lambda _: None, confirm=lambda _: True, watching=watching, force=True)
    return deploy(wanted, stacks_of(emulator), manner)


def queue(emulator: Emulator, name: str) -> tuple[str, str]:
    """Make a queue; return its address and its ARN."""
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def arrived(emulator: Emulator, url: str, count: int, seconds: float) -> list[str]:
    """Return what has arrived in a queue once it is so many, or the time is over."""
    sqs, deadline = emulator.client("sqs"), time.monotonic() + seconds
    found: list[str] = []
    while len(found) < count and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        time.sleep(0.5)
    return found


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with emulating(tmp_path) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


@pytest.mark.long
def test_schedules_fire_with_what_starts_the_pipeline(emulator: Emulator) -> None:
    url, arn = queue(emulator, "starts")
    soon = datetime.now(timezone.utc) + timedelta(seconds=130)
    schedules = (
        {"name": "often", "rate": "1 minute", "groups": ["nightly"]},
        {"name": "once", "cron": f"{soon.minute} {soon.hour} * * ? *", "cache": True},
        {"name": "never", "rate": "1 minute", "enabled": False},
    )
    _, service = run(emulator, texts(schedules, arn))
    assert service.stack is not None
    assert service.stack.status == "CREATE_COMPLETE"
    asked = [json.loads(body) for body in arrived(emulator, url, 5, 200)]
    looks = [request for request in asked if request.get("project") == f"{NAME}-worker"]
    assert looks  # the function that looks at what is polled
    assert {(look["bucket"], look["prefix"]) for look in looks} == {(f"{NAME}-{ACCOUNT}-{REGION}", "watch/")}
    found = [request for request in asked if "Variables" in request]
    assert {start["Name"] for start in found} == {NAME}
    started = [{item["Name"]: item["Value"] for item in start["Variables"]} for start in found]
    assert {"TRIGGER": "schedule:often", "GROUPS": "nightly", "CACHE": "skip"} in started
    assert {"TRIGGER": "schedule:once", "GROUPS": "all", "CACHE": "use"} in started
    assert {start["TRIGGER"] for start in started} == {"schedule:often", "schedule:once"}

    # A schedule that leaves the manifest goes with the stack, and fires no more.
    _, service = run(emulator, texts(schedules[1:], arn))
    assert [change.name for change in service.plan.changes if change.action == "removed"] == ["ScheduleOften"]
    arrived(emulator, url, 9, 15)  # what was under way
    assert {next(iter(json.loads(body))) for body in arrived(emulator, url, 1, 75)} == {"bucket"}
    names = [item["Name"] for item in emulator.client("scheduler").list_schedules(GroupName=NAME)["Schedules"]]
    assert sorted(names) == ["never", "once", "watch.repositories"]


def event(source: str, kind: str, **detail: Any) -> dict[str, str]:
    return {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}


def build(project: str, status: str) -> dict[str, str]:
    more = {
        "source": {"location": "https://github.com/a/b.git"},
        "logs": {"deep-link": "https://console.aws.amazon.com/cloudwatch/home?region=x"},
    }
    detail = {"project-name": project, "build-status": status, "additional-information": more}
    return event("aws.codebuild", "CodeBuild Build State Change", **detail)


@pytest.mark.long
def test_rules_fire_for_their_events_only_and_say_it_readably(emulator: Emulator) -> None:
    url, arn = queue(emulator, "starts")
    mails, mails_arn = queue(emulator, "mails")
    trigger = {"data": "s3://exports/daily/", "approval": True}
    run(emulator, texts((), arn, ({"name": "training"}, {"name": "scoring", "kind": "inference", "trigger": trigger})))
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}"
    emulator.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mails_arn)
    pipeline = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tiny"
    training = "SageMaker Model Building Pipeline Execution Status Change"
    action = {"stage": "Approve", "action": "Approve", "state": "FAILED", "execution-id": "e2"}
    emulator.client("events").put_events(
        Entries=[
            event("aws.codepipeline", PIPELINE_EVENT, **{"pipeline": NAME, "state": "FAILED", "execution-id": "e1"}),
            event("aws.codepipeline", PIPELINE_EVENT, **{"pipeline": "other", "state": "FAILED", "execution-id": "e1"}),
            event("aws.codepipeline", PIPELINE_EVENT, **{"pipeline": NAME, "state": "SUCCEEDED", "execution-id": "e1"}),
            event("aws.sagemaker", training, pipelineArn=pipeline, currentPipelineExecutionStatus="Failed",
                  pipelineExecutionArn=f"{pipeline}/execution/x"),
            event("aws.sagemaker", training, pipelineArn=pipeline, currentPipelineExecutionStatus="Succeeded",
                  pipelineExecutionArn=f"{pipeline}/execution/y"),
            event("aws.codepipeline", "CodePipeline Action Execution State Change", pipeline=NAME, **action),
            *(build(name, status) for name in (f"{NAME}-worker", "other-worker") for status in ("FAILED", "SUCCEEDED")),
        ]
    )  # fmt: skip
    said = sorted(json.loads(body)["Message"] for body in arrived(emulator, mails, 4, 6))
    assert len(said) == 3
    assert f"Execution e1 of the pipeline {NAME} failed" in said[0]
    assert f"/codepipeline/pipelines/{NAME}/executions/e1/timeline" in said[0]
    assert f"The build of {NAME}-worker for https://github.com/a/b.git has ended with FAILED. Its log:" in said[1]
    assert "https://console.aws.amazon.com/cloudwatch/home" in said[1]
    assert f"The training {pipeline}/execution/x failed." in said[2]
    (asked,) = [json.loads(body) for body in arrived(emulator, url, 2, 6)]
    values = {item["name"]: item["value"] for item in asked["environmentVariablesOverride"]}
    assert values == {"STAGE": "reject", "SMP_CODEPIPELINE_EXECUTION": "e2"}

    # What starts pipelines besides: scores that ask for a training, by the event as they put it; data, an approval.
    aws = Aws(REGION, session=emulator.session)
    cause = "drift of age, income (psi 0.31 > 0.2) since 2026-11-28"
    for group in ("tiny-churn", "theirs"):
        put_retraining(aws, {"format": 1, "group": group, "cause": cause})
    changed = "SageMaker Model Package State Change"
    emulator.client("events").put_events(
        Entries=[
            *(
                event("aws.s3", "Object Created", bucket={"name": bucket}, object={"key": key})
                for bucket, key in (("exports", "daily/dt=1/rows.csv"), ("exports", "other/x"), ("theirs", "daily/x"))
            ),
            *(
                event("aws.sagemaker", changed, ModelPackageGroupName=group, ModelApprovalStatus=status)
                for group, status in (("tiny-churn", "Approved"), ("tiny-churn", "Rejected"), ("theirs", "Approved"))
            ),
        ]
    )
    starts = [json.loads(body) for body in arrived(emulator, url, 4, 8)]
    (asked,) = [one for one in starts if "variables" in one]
    assert {item["name"]: item["value"] for item in asked["variables"]} == {"TRIGGER": "retraining", "CAUSE": cause}
    told = sorted((one["trigger"], one["pipeline"], one["batch"]) for one in starts if "batch" in one)
    assert told == [
        ("approval", f"{NAME}-scoring", "scoring-approval"), ("data", f"{NAME}-scoring", "scoring-data"),
    ]  # fmt: skip
    assert len(starts) == 3


@pytest.mark.long
def test_the_storage_as_it_is_rendered_and_everything_goes_again(emulator: Emulator) -> None:
    _, arn = queue(emulator, "starts")
    wanted = texts((), arn)
    storage, service = run(emulator, wanted)
    assert storage.stack is not None
    assert (storage.stack.outputs["BucketName"], service.plan.creates) == (BUCKET, True)
    assert [deployed.plan.changed for deployed in run(emulator, wanted)] == [False, False]
    s3 = emulator.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert len(s3.list_objects_v2(Bucket=BUCKET, Prefix="templates/").get("Contents", ())) == 1
    s3.put_object(Bucket=BUCKET, Key="runs/1/run.json", Body=b"{}")
    s3.delete_object(Bucket=BUCKET, Key="runs/1/run.json")
    projects = emulator.client("codebuild").list_projects()["projects"]
    assert {f"{NAME}-build", f"{NAME}-train", f"{NAME}-promote", f"{NAME}-worker"} <= set(projects)

    stacks, buckets = stacks_of(emulator), Buckets(Aws(REGION, session=emulator.session), ACCOUNT, lambda _: None)
    manner = DestroyManner(say=lambda _: None, show=lambda _: None, confirm=lambda _: True, watching=watching)
    plan = destroy(NAME, BUCKET, with_data=True, stacks=stacks, buckets=buckets, manner=manner)
    assert plan.bucket == BUCKET
    assert [stacks.describe(name) for name in (NAME, f"{NAME}-storage")] == [None, None]
    assert BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert emulator.client("codebuild").list_projects()["projects"] == []
