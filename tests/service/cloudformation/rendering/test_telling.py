"""Who is told of what: events as AWS's guides show them, and what the rendered rules make of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pipeline_builder.service.cloudformation.checks.telling import is_chat_message
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.rehearsal.events import fits
from tests.service.services import ACCOUNT, KEY, REGION, REPOS, render

SLACK = {"slack": {"workspace": "T0123", "channel": "C0123"}, "events": ["approval", "failure", "success"]}
LONG = {"url": "https://github.com/acme/x.git", "name": "x" * 64, "trigger": "webhook"}
LOG = f"https://console.aws.amazon.com/cloudwatch/home?region={REGION}#logEvent:group=/aws/codebuild/x;stream=1"


def resources(**service: Any) -> dict[str, Any]:
    files = render(*REPOS, LONG, **service)
    template = load_template(files["service.yaml"], "service.yaml")
    values = {"ArtifactBucket": "models", "KeyArn": KEY}
    home = Home(account=ACCOUNT, region=REGION, stack="model-service")
    return {one.id: one for one in resolve_template(template, values, home).resources.values()}


def build_event(project: str, status: str) -> dict[str, Any]:
    """The event of the guide "Build notifications sample for CodeBuild", as far as it matters here."""
    return {
        "source": "aws.codebuild", "detail-type": "CodeBuild Build State Change", "region": REGION,
        "detail": {
            "build-status": status, "project-name": project,
            "additional-information": {
                "initiator": "x", "source": {"location": "https://github.com/acme/x.git", "type": "GITHUB"},
                "logs": {"deep-link": LOG},
            },
        },
    }  # fmt: skip


def pipeline_event(state: str) -> dict[str, Any]:
    detail = {"pipeline": "model-service", "execution-id": "0123", "state": state}
    kind = "CodePipeline Pipeline Execution State Change"
    return {"source": "aws.codepipeline", "detail-type": kind, "region": REGION, "detail": detail}


def heard(found: dict[str, Any], event: dict[str, Any]) -> dict[str, list[str]]:
    """Return by the target's id what people are told."""
    said: dict[str, list[str]] = {}
    for one in found.values():
        if one.type != "AWS::Events::Rule" or not fits(one.properties["EventPattern"], event):
            continue
        for target in one.properties["Targets"]:
            text = target["InputTransformer"]["InputTemplate"]
            for word, path in target["InputTransformer"]["InputPathsMap"].items():
                value: Any = event
                for part in path.removeprefix("$.").split("."):
                    value = value[part]
                text = text.replace(f"<{word}>", value)
            assert not re.search(r"<\w+>", text)
            said.setdefault(target["Id"], []).append(text)
    return said


def test_every_failed_build_tells_somebody() -> None:
    found = resources(notifications=SLACK)
    projects = [one.properties["Name"] for one in found.values() if one.type == "AWS::CodeBuild::Project"]
    assert len(projects) == 6
    for project in projects:
        for status in ("FAILED", "FAULT", "TIMED_OUT"):
            said = heard(found, build_event(project, status))
            assert {name: len(texts) for name, texts in said.items()} == {"topic": 1, "chat": 1}
            lines = [json.loads(line) for line in said["topic"][0].splitlines()]
            assert project in lines[0]
            assert status in lines[0]
            assert lines[1] == LOG
            assert is_chat_message(said["chat"][0])
            assert json.loads(said["chat"][0])["content"]["description"].splitlines()[1] == LOG
        assert heard(found, build_event(project, "SUCCEEDED")) == {}
        assert heard(found, build_event(project, "STOPPED")) == {}  # by a person
    assert heard(found, build_event("others-build", "FAILED")) == {}
    outside = heard(found, build_event("model-service-worker", "FAILED"))
    assert "https://github.com/acme/x.git" in outside["topic"][0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("notify", "chat", "failed", "succeeded"),
    [
        (["failure"], None, {"topic"}, set()),
        (["failure", "success"], None, {"topic"}, {"topic"}),
        ("success", None, set(), {"topic"}),
        ([], SLACK, {"chat"}, {"chat"}),
        (["failure"], {**SLACK, "events": ["success"]}, {"topic"}, {"chat"}),
    ],
)
def test_mails_and_channels_are_about_what_is_asked_for(
    notify: Any, chat: Any, failed: set[str], succeeded: set[str]
) -> None:
    found = resources(approval={"notify": notify}, notifications=chat)
    assert set(heard(found, pipeline_event("FAILED"))) == failed
    assert set(heard(found, pipeline_event("SUCCEEDED"))) == succeeded
    assert set(heard(found, build_event("model-service-train", "FAILED"))) == failed


def test_a_channel_hears_that_models_wait_and_alarms() -> None:
    found = resources(notifications=SLACK)
    detail = {"pipeline": "model-service", "execution-id": "0123", "stage": "Approve", "action": "Approve"}
    event = {
        "source": "aws.codepipeline", "detail-type": "CodePipeline Action Execution State Change", "region": REGION,
        "detail": {**detail, "state": "STARTED"},
    }  # fmt: skip
    assert set(heard(found, event)) == {"chat"}
    alarm = found["MissedAlarm"].properties["AlarmActions"]
    assert alarm == [
        f"arn:aws:sns:{REGION}:{ACCOUNT}:model-service",
        f"arn:aws:sns:{REGION}:{ACCOUNT}:model-service-chat",
    ]
    slack = found["Slack"].properties
    assert slack["SnsTopicArns"] == alarm[1:]
    guardrail = found["ChatGuardrail"].properties["PolicyDocument"]["Statement"]
    assert [one["Action"] for one in guardrail] == [["cloudwatch:DescribeAlarms"]]


def test_what_no_rule_can_deliver_is_kept() -> None:
    found = resources(notifications=SLACK)
    rules = [one for one in found.values() if one.type == "AWS::Events::Rule"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:model-service-missed"
    assert all(target["DeadLetterConfig"] == {"Arn": queue} for rule in rules for target in rule.properties["Targets"])
    allowed = found["MissedPolicy"].properties["PolicyDocument"]["Statement"][0]["Condition"]["ArnLike"][
        "aws:SourceArn"
    ]
    assert allowed == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/model-service-*"
    assert all(rule.properties["Name"].startswith("model-service-") for rule in rules)
