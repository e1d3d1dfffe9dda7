"""Who approved or rejected in CodePipeline, and with which words."""

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


def person(arn: str) -> str:
    """Return the name that people know: a session's or a user's, without the account."""
    session = _SESSION.fullmatch(arn)
    return f"{session['session']} ({session['role']})" if session else arn.rsplit("/", 1)[-1]
