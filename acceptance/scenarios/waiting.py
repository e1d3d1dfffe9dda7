"""The state machine that waits for a run: whether it has answered, and what errors are called in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from acceptance.following import Found, action
from acceptance.ground import Ground, NotHere, Seen

WAIT = "Wait"
_WANTED = ("SageMaker.ResourceNotFoundException", "CodePipeline.InvalidApprovalTokenException")


def machine(ground: Ground) -> str:
    """Return the ARN of the state machine."""
    return ground.arn("states", f"stateMachine:{ground.name}-wait")


def waiting(ground: Ground) -> Iterator[Seen]:
    """Look at how the wait of the first run has ended.

    Raises:
        NotHere: the pipeline has no such action.
    """
    detail = action(ground, ground.name, ground.book.state.notes["first execution"], WAIT)
    if detail is None:
        raise NotHere(f"the service's pipeline has no action '{WAIT}'")
    listed = ground.pages("stepfunctions", "list_executions", "executions", stateMachineArn=machine(ground))
    ended = {str(one["name"]): str(one["status"]) for one in listed}
    by, said = str(detail.get("updatedBy", "")), _summary(detail)
    ok = detail["status"] == "Succeeded" and set(ended.values()) == {"SUCCEEDED"}
    words = f"Wait is {detail['status']}, updatedBy is {by or 'absent'}, its summary is {said!r}; machines: {ended}"
    yield Seen(point="wait-answered", ok=ok, words=words, evidence={**ended, "updatedBy": by, "summary": said})
    yield Seen(point="wait-words", ok=bool(said), words=f"ListActionExecutions has the summary {said!r}")


def _summary(detail: Found) -> str:
    return str(detail.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", ""))


def error_names(ground: Ground) -> Iterator[Seen]:
    """Let Step Functions test a state that asks for what isn't there, with the machine's role; nothing is started."""
    if ground.there("stepfunctions", "describe_state_machine", stateMachineArn=machine(ground)) is None:
        raise NotHere("the service has no state machine")
    gone = ground.arn("sagemaker", f"pipeline/{ground.name}-dag/execution/000000000000")
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("sagemaker:describePipelineExecution", {"PipelineExecutionArn": gone}),
        ("codepipeline:putApprovalResult", {
            "PipelineName": ground.name, "StageName": "Train", "ActionName": WAIT,
            "Token": "00000000-0000-0000-0000-000000000000", "Result": {"Summary": "none", "Status": "Approved"},
        }),
    )  # fmt: skip
    found = [_error(ground, call, parameters) for call, parameters in asked]
    yield Seen(point="wait-error-names", ok=tuple(found) == _WANTED, words=f"they are called {' and '.join(found)}")


def _error(ground: Ground, call: str, parameters: dict[str, Any]) -> str:
    resource = f"arn:{ground.partition}:states:::aws-sdk:{call}"
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    tested = ground.call(
        "stepfunctions", "test_state", definition=json.dumps(state), input="{}",
        roleArn=ground.arn("iam", f"role/{ground.name}-wait"),
    )  # fmt: skip
    return str(tested.get("error") or tested.get("status", "nothing"))
