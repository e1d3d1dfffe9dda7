"""What CodePipeline knows of its execution: what started it, who approved or rejected, and with which words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.descriptions import Approval

_STATUS = {"Succeeded": True, "Failed": False}
# Who answers without a comment gets this one from CodePipeline.
_WRITTEN = re.compile(r"(?:Approved|Rejected) by (?P<arn>arn:\S+)")
_SESSION = re.compile(r"arn:[^:]+:sts::\d+:assumed-role/(?P<role>[^/]+)/(?P<session>.+)")


def find_approval(aws: Aws, pipeline: str, execution: str, action: str) -> Approval | None:
    """Return the newest answer to a manual approval action of a pipeline's execution; None where nobody answered.

    An approval whose time ran out has failed as well, but nobody's name is on it. An approval that succeeded is one
    whoever gave it: there is no other way for it to succeed.
    """
    answers = read_answers(details_of(aws, pipeline, execution), action)
    return max(answers, key=lambda found: found[0])[1] if answers else None


def read_answers(details: Sequence[Mapping[str, Any]], action: str) -> list[tuple[datetime, Approval | None]]:
    """Return each end of an approval, and when that was; None where its time ran out."""
    ended = [detail for detail in details if detail["actionName"] == action and detail.get("status") in _STATUS]
    return [(detail["lastUpdateTime"], _answer(detail)) for detail in ended]


def was_done(aws: Aws, pipeline: str, execution: str, *, action: str, after: str) -> bool:
    """Tell whether an action of a pipeline's execution has ended since another one was begun the last time."""
    details = details_of(aws, pipeline, execution)
    begun = [detail["startTime"] for detail in details if detail["actionName"] == after]
    ended = [d for d in details if d["actionName"] == action and d.get("status") not in (None, "InProgress")]
    return bool(begun) and any(detail["startTime"] > max(begun) for detail in ended)


def find_words(aws: Aws, pipeline: str, execution: str, action: str) -> str:
    """Return the words of the newest answer to an approval, whoever gave it; empty where there are none."""
    details = [detail for detail in details_of(aws, pipeline, execution) if detail["actionName"] == action]
    return _words(max(details, key=lambda detail: detail["startTime"])) if details else ""


def _words(detail: Mapping[str, Any]) -> str:
    return str(detail.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", ""))


def details_of(aws: Aws, pipeline: str, execution: str) -> list[dict[str, Any]]:
    """Return what the actions of an execution have done; nothing where it isn't there."""
    try:
        only = {"pipelineExecutionId": execution}
        pages = list(aws.pages("codepipeline", "list_action_executions", pipelineName=pipeline, filter=only))
    except NotFoundError:
        return []
    return [detail for page in pages for detail in page["actionExecutionDetails"]]


def _answer(detail: Mapping[str, Any]) -> Approval | None:
    """The documentation doesn't say that `updatedBy` is there for approvals, so the comment is asked too."""
    comment = _words(detail)
    written = _WRITTEN.fullmatch(comment.strip())
    by = detail.get("updatedBy") or (written["arn"] if written else "")
    approved = _STATUS[detail["status"]]
    if not (by or approved):
        return None
    return Approval(approved=approved, by=person(by) if by else "unknown", comment="" if written else comment)


# TriggerType of the service model; what isn't here was started by a person.
_STARTED_BY = {
    "WebhookV2": "connection",
    "Webhook": "webhook",
    "CloudWatchEvent": "event",
    "PollForSourceChanges": "poll",
    "CreatePipeline": "deployment",
}


def find_start(aws: Aws, pipeline: str, execution: str) -> str:
    """Return what started a pipeline's execution in a word; CodePipeline's own triggers can't set a variable."""
    try:
        found = aws.call("codepipeline", "get_pipeline_execution", pipelineName=pipeline, pipelineExecutionId=execution)
    except NotFoundError:
        return "manual"
    return _STARTED_BY.get(found["pipelineExecution"].get("trigger", {}).get("triggerType", ""), "manual")


def person(arn: str) -> str:
    """Return the name that people know: a session's or a user's, without the account."""
    session = _SESSION.fullmatch(arn)
    return f"{session['session']} ({session['role']})" if session else arn.rsplit("/", 1)[-1]
