"""The operations that answer a step which waits: by its callback token, as `pipeline-builder callback` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline_builder.descriptions import WaitingStep
from pipeline_builder.engine.jobs.waiting import answer_failure, answer_success, find_waiting
from pipeline_builder.engine.state.tokens import once
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError


def send_step_success(call: Call) -> Mapping[str, Any]:
    """Let a step that waits succeed, with its output parameters."""
    given = call.request.get("OutputParameters") or []
    names = [item["Name"] for item in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ServiceError(VALIDATION, f"the output parameter '{twice[0]}' is given more than once")
    values = {item["Name"]: item["Value"] for item in given}
    return _answered(call, lambda token: answer_success(call.engine.state, token, values))


def send_step_failure(call: Call) -> Mapping[str, Any]:
    """Let a step that waits fail."""
    return _answered(
        call, lambda token: answer_failure(call.engine.state, token, call.request.get("FailureReason") or "")
    )


def _answered(call: Call, answer: Callable[[str], WaitingStep]) -> Mapping[str, Any]:
    token = call.request["CallbackToken"]
    if find_waiting(call.engine.state, token) is None:
        raise call.not_found(f"There is no step that waits with the callback token '{token}'.")
    with call.engine.state.transaction() as db:
        arn = once(db, call.operation, call.request, lambda: answer(token).execution)
    return {"PipelineExecutionArn": arn}


OPERATIONS: Mapping[str, Handler] = {
    "SendPipelineExecutionStepSuccess": send_step_success,
    "SendPipelineExecutionStepFailure": send_step_failure,
}
