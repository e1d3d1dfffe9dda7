"""A pipeline that only asks: how approvals, expiry, long texts and EventBridge's variables look. It trains nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from acceptance import own
from acceptance.following import (
    APPROVE,
    Found,
    action,
    answer,
    executions,
    start,
    status,
    stop,
    wait_answered,
    wait_end,
    wait_new,
    wait_question,
)
from acceptance.ground import Ground, Otherwise, Seen

_SOURCE, _EVENT = "asks.zip", "event.txt"
_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
_LONG = 900
_EXPIRES = 5
_TRIES = 3


def name_of(ground: Ground) -> str:
    """Return the pipeline's name."""
    return f"{ground.name}-asks"


def make(ground: Ground) -> Iterator[Seen]:
    """Make the pipeline; it starts by itself, and what it asks then is given up."""
    name = name_of(ground)
    own.make_bucket(ground)
    own.put(ground, ground.own, _SOURCE, _EMPTY_ZIP)
    role = own.make_role(ground, own.ASKS)
    if ground.there("codepipeline", "get_pipeline", name=name) is None:
        ground.call("codepipeline", "create_pipeline", pipeline=_pipeline(ground, name, role), tags=ground.code_tags)
    execution = wait_new(ground, name, "asks: first execution", lambda _: True, minutes=5)
    stop(ground, name, execution)
    wait_end(ground, name, execution, minutes=10)
    yield from ()


def _pipeline(ground: Ground, name: str, role: str) -> dict[str, Any]:
    kinds = {"owner": "AWS", "version": "1"}
    source = {
        "name": "Source", "actionTypeId": {"category": "Source", "provider": "S3", **kinds},
        "configuration": {"S3Bucket": ground.own, "S3ObjectKey": _SOURCE, "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Source"}],
    }  # fmt: skip
    approve = {
        "name": "Approve", "actionTypeId": {"category": "Approval", "provider": "Manual", **kinds},
        "configuration": {"CustomData": "#{variables.A}#{variables.B}"}, "timeoutInMinutes": _EXPIRES,
    }  # fmt: skip
    return {
        "name": name, "roleArn": role, "pipelineType": "V2", "executionMode": "QUEUED",
        "artifactStore": {"type": "S3", "location": ground.own},
        "variables": [{"name": "A", "defaultValue": "a"}, {"name": "B", "defaultValue": "b"}],
        "stages": [{"name": "Source", "actions": [source]}, {"name": "Approve", "actions": [approve]}],
    }  # fmt: skip


def answers(ground: Ground) -> Iterator[Seen]:
    """Answer in three ways, and see whom CodePipeline names."""
    asked = (
        ("approver-with-comment", "Approved", "looks good to the acceptance"),
        ("approver-without-comment", "Approved", ""),
        ("rejecter-with-comment", "Rejected", "not good enough for the acceptance"),
    )
    for point, verdict, comment in asked:
        if point in ground.book.state.answers:
            continue
        detail = _asked(ground, point, verdict, comment)
        by = str(detail.get("updatedBy", ""))
        summary = str(detail.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", ""))
        named = bool(by) or (not comment and " by arn:" in summary)
        words = f"updatedBy is {by or 'absent'}; the summary is {summary!r}"
        evidence = {"updatedBy": by, "summary": summary, "status": str(detail["status"])}
        yield Seen(point=point, ok=named, words=words, evidence=evidence)


def _asked(ground: Ground, point: str, verdict: str, comment: str) -> Found:
    """Answer a question; one whose time ran out while the acceptance was cut off is asked again."""
    name = name_of(ground)
    for number in range(_TRIES):
        execution = start(ground, name, f"asks: {point}{f', again {number}' if number else ''}", {})
        found = action(ground, name, execution, APPROVE)
        if found is None or found["status"] == "InProgress" or _is_ours(found, verdict, comment):
            return answer(ground, name, execution, verdict, comment)
    raise Otherwise(f"{_TRIES} questions ran out of time before they could be answered")


def _is_ours(found: Found, verdict: str, comment: str) -> bool:
    summary = found.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", "")
    return bool(found["status"] == "Succeeded" if verdict == "Approved" else summary == comment)


def expiry(ground: Ground) -> Iterator[Seen]:
    """Leave a question without an answer until its time is over."""
    name = name_of(ground)
    execution = start(ground, name, "asks: expires", {})
    detail = wait_answered(ground, name, execution, APPROVE, minutes=_EXPIRES + 10)
    by = str(detail.get("updatedBy", ""))
    result = detail.get("output", {}).get("executionResult", {})
    summary, error = str(result.get("externalExecutionSummary", "")), result.get("errorDetails", {})
    evidence = {"status": str(detail["status"]), "updatedBy": by, "summary": summary, "error": json.dumps(error)}
    words = f"the action is {detail['status']}, updatedBy is {by or 'absent'}, its summary is {summary!r}"
    yield Seen(point="approval-expired", ok=detail["status"] == "Failed" and not by, words=words, evidence=evidence)


def long_text(ground: Ground) -> Iterator[Seen]:
    """Ask with a text that is longer than 1,000 characters only after its variables are filled in."""
    name = name_of(ground)
    execution = start(ground, name, "asks: long text", {"A": "a" * _LONG, "B": "b" * _LONG})
    try:
        wait_question(ground, name, execution, APPROVE, minutes=10)
    except Otherwise as error:
        detail = action(ground, name, execution, APPROVE)
        if detail is None or detail["status"] != "Failed":
            raise
        yield Seen(point="text-of-1000", ok=True, words=f"refused: {error}")
        return
    detail = action(ground, name, execution, APPROVE) or {}
    shown = str(detail.get("input", {}).get("resolvedConfiguration", {}).get("CustomData", ""))
    stop(ground, name, execution)
    wait_end(ground, name, execution, minutes=10)
    yield Seen(point="text-of-1000", ok=False, words=f"taken: {len(shown)} of {2 * _LONG} characters are shown")


def event_variables(ground: Ground) -> Iterator[Seen]:
    """Let a rule start the pipeline with variables, in the words of the rule for CodeCommit."""
    name = name_of(ground)
    _make_rule(ground, name)
    known = {str(one["pipelineExecutionId"]) for one in executions(ground, name)}
    before = set(ground.book.once("asks: before the event", lambda: " ".join(sorted(known))).split())
    ground.pause(30)  # a new rule takes a while to be everywhere
    own.put(ground, ground.own, _EVENT, b"now")

    def is_it(found: Found) -> bool:
        return str(found["pipelineExecutionId"]) not in before

    execution = wait_new(ground, name, "asks: started by an event", is_it, minutes=10)
    variables = status(ground, name, execution).get("variables", ())
    found = {one["name"]: str(one.get("resolvedValue", "")) for one in variables}
    stop(ground, name, execution)
    wait_end(ground, name, execution, minutes=10)
    right = (found.get("A"), found.get("B")) == ("codecommit", _EVENT)
    yield Seen(point="event-variables", ok=right, words=f"the execution has {found}", evidence=found)


def _make_rule(ground: Ground, name: str) -> None:
    rule = f"{ground.name}-event"
    pattern = {
        "source": ["aws.s3"], "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [ground.own]}, "object": {"key": [_EVENT]}},
    }  # fmt: skip
    if ground.there("events", "describe_rule", Name=rule) is None:
        ground.call("events", "put_rule", Name=rule, EventPattern=json.dumps(pattern), Tags=ground.listed_tags)
    variables = '{"variables": [{"name": "A", "value": "codecommit"}, {"name": "B", "value": "<key>"}]}'
    target = {
        "Id": "pipeline", "Arn": ground.arn("codepipeline", name), "RoleArn": own.make_role(ground, own.ASKS),
        "InputTransformer": {"InputPathsMap": {"key": "$.detail.object.key"}, "InputTemplate": variables},
    }  # fmt: skip
    ground.call("events", "put_targets", Rule=rule, Targets=[target])
