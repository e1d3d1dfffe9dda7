"""What CodePipeline knows of its execution: what started it, who approved or rejected, and with which words."""

from __future__ import annotations

import re

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.target import Approval

_STATUS = {"Succeeded": True, "Failed": False}
_SESSION = re.compile(r"arn:[^:]+:sts::\d+:assumed-role/(?P<role>[^/]+)/(?P<session>.+)")


def find_approval(aws: Aws, pipeline: str, execution: str, action: str) -> Approval | None:
    """Return the newest answer to a manual approval action of a pipeline's execution; None where nobody answered.

    An approval whose time ran out has failed as well, but nobody's name is on it.
    """
    try:
        only = {"pipelineExecutionId": execution}
        pages = list(aws.pages("codepipeline", "list_action_executions", pipelineName=pipeline, filter=only))
    except NotFoundError:
        return None
    details = [detail for page in pages for detail in page["actionExecutionDetails"] if detail["actionName"] == action]
    answered = [detail for detail in details if detail.get("updatedBy") and detail.get("status") in _STATUS]
    if not answered:
        return None
    newest = max(answered, key=lambda detail: detail["lastUpdateTime"])
    result = newest.get("output", {}).get("executionResult", {})
    return Approval(
        approved=_STATUS[newest["status"]],
        by=person(newest["updatedBy"]),
        comment=str(result.get("externalExecutionSummary", "")),
    )


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
