"""What is said of a stack's operation that failed; the words are those that CloudFormation has in public reports."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pipeline_builder.stacks.stacks import Ended, StackEvent, failure_problem

WHEN = datetime(2026, 11, 30, tzinfo=timezone.utc)
REASONS = {
    "Rate exceeded (Service: AWSLogs; Status Code: 400; Error Code: ThrottlingException)": "asked too much at once",
    'Resource handler returned message: "The role defined for the function cannot be assumed by Lambda."': "deploy again",
    "Failed to call CreateWebhook, reason: Could not find access token for server type github": "import-source-credentials",
    "Failed to call CreateWebhook, reason: Access denied to connection arn:aws:codeconnections:x": "past its handshake",
    "Resource of type 'AWS::IAM::Role' with identifier 'x' already exists.": "in another Region",
    "Invalid parameter: Topic Name": "mend that",
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_has_its_remedy(reason: str) -> None:
    event = StackEvent(id="1", when=WHEN, resource="One", type="AWS::X::Y", status="CREATE_FAILED", reason=reason)
    problem = failure_problem("demo", Ended(stack=None, events=(event,)), problem="PB682", what="the deployment")
    assert reason in problem.message
    assert REASONS[reason] in str(problem.hint)
