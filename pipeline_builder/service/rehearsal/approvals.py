"""PutApprovalResult: an open approval is answered once, by whoever has its token."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.rehearsal.record import ActionRecord, Book, DecisionRecord, Rehearsal

_SPACE = uuid.UUID("3b1f4d0e-3c3e-4d1b-8f5e-9a4e1d6d1c52")


def token_of(state: Rehearsal, stage: str, action: ActionRecord) -> str:
    """Return the token of an action's approval; each attempt has another one."""
    return str(uuid.uuid5(_SPACE, f"{state.id}/{stage}/{action.name}/{action.attempt}"))


def check_pipeline_name(state: Rehearsal, asked: Mapping[str, Any]) -> None:
    """Refuse another pipeline's name, as the service does."""
    name = asked.get("pipelineName", asked.get("name", state.pipeline))
    if name != state.pipeline:
        raise ServiceError("PipelineNotFoundException", f"there is no pipeline '{name}'")


def put_approval_result(book: Book, asked: Mapping[str, Any], caller: tuple[str, str], now: datetime) -> dict[str, Any]:
    """Keep the answer that an approval is given; the player of its stage takes it from there.

    `caller` is who answers, for people and as an ARN.

    Raises:
        ServiceError: there is no such action, or it isn't open, or the token is another one's.
    """
    state = book.state
    check_pipeline_name(state, asked)
    stage = next((one for one in state.stages if one.name == asked["stageName"]), None)
    if stage is None:
        raise ServiceError("StageNotFoundException", f"there is no stage '{asked['stageName']}'")
    action = next((one for one in stage.actions if one.name == asked["actionName"]), None)
    if action is None:
        raise ServiceError("ActionNotFoundException", f"there is no action '{asked['actionName']}'")
    if asked["token"] != token_of(state, stage.name, action):
        raise ServiceError("InvalidApprovalTokenException", "the approval request has another token")
    by, principal = caller
    decision = DecisionRecord(
        approved=asked["result"]["status"] == "Approved",
        by=by,
        comment=asked["result"]["summary"],
        at=now,
        principal=principal,
    )
    if not book.decide(stage.name, action.name, decision):
        raise ServiceError("ApprovalAlreadyCompletedException", "the approval action has already been answered")
    return {"approvedAt": now}
