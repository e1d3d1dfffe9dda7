"""What CodePipeline's API says of a rehearsal: its execution, its actions, and where its stages are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.serve.protocol import ServiceError
from pipeline_builder.service.rehearsal.approvals import check_pipeline_name, token_of
from pipeline_builder.service.rehearsal.record import ActionRecord, Rehearsal, StageRecord

_STATUS = {"Pending": "InProgress", "Skipped": "Abandoned"}
_OF_STAGES = {"Pending": "InProgress"}


def _get_pipeline_execution(state: Rehearsal, asked: Mapping[str, Any]) -> dict[str, Any]:
    check_pipeline_name(state, asked)
    if asked["pipelineExecutionId"] != state.id:
        raise ServiceError(
            "PipelineExecutionNotFoundException", f"there is no execution '{asked['pipelineExecutionId']}'"
        )
    source = {"name": "Source", "revisionId": state.commit, "revisionSummary": state.subject}
    return {
        "pipelineExecution": {
            "pipelineName": state.pipeline,
            "pipelineVersion": 1,
            "pipelineExecutionId": state.id,
            "status": _status(state.status),
            "artifactRevisions": [source],
            "variables": [{"name": name, "resolvedValue": value} for name, value in state.variables.items()],
            "executionMode": "QUEUED",
        }
    }


def _list_action_executions(state: Rehearsal, asked: Mapping[str, Any]) -> dict[str, Any]:
    check_pipeline_name(state, asked)
    wanted = (asked.get("filter") or {}).get("pipelineExecutionId", state.id)
    details = [
        _detail(state, stage.name, attempt)
        for stage in reversed(state.stages)
        for action in reversed(stage.actions)
        for attempt in (action, *reversed(action.past))
        if attempt.status != "Waiting" and wanted == state.id
    ]
    first, most = _page(asked)
    more = {"nextToken": str(first + most)} if first + most < len(details) else {}
    return {"actionExecutionDetails": details[first : first + most], **more}


def _page(asked: Mapping[str, Any]) -> tuple[int, int]:
    token = asked.get("nextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidNextTokenException", f"'{token}' is no token of this operation")
    return int(token), int(asked.get("maxResults") or 100)


def _detail(state: Rehearsal, stage: str, action: ActionRecord) -> dict[str, Any]:
    category, _, provider = action.kind.partition("/")
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    result = {
        "externalExecutionId": action.build.id if action.build else None,
        "externalExecutionSummary": _summary(action),
        "externalExecutionUrl": action.build.log if action.build else None,
    }
    return {
        "pipelineExecutionId": state.id,
        "actionExecutionId": _execution_id(state, action),
        "pipelineVersion": 1,
        "stageName": stage,
        "actionName": action.name,
        "startTime": action.started,
        "lastUpdateTime": action.ended or action.started,
        "updatedBy": _principal(state, action),
        "status": _status(action.status),
        "input": {
            "actionTypeId": kind,
            "resolvedConfiguration": action.configuration,
            "namespace": action.namespace or None,
        },
        "output": {"executionResult": result, "outputVariables": action.variables},
    }


def _execution_id(state: Rehearsal, action: ActionRecord) -> str:
    return f"{state.id[:-1]}{action.attempt % 10}"


def _summary(action: ActionRecord) -> str | None:
    return action.decision.comment if action.decision else action.message or None


def _principal(state: Rehearsal, action: ActionRecord) -> str | None:
    """Only what somebody has answered has a name on it."""
    if action.decision is None:
        return None
    partition = partition_of(state.region).name
    return action.decision.principal or f"arn:{partition}:iam::{state.account}:user/{action.decision.by}"


def _get_pipeline_state(state: Rehearsal, asked: Mapping[str, Any]) -> dict[str, Any]:
    check_pipeline_name(state, asked)
    return {
        "pipelineName": state.pipeline,
        "pipelineVersion": 1,
        "stageStates": [_stage_state(state, stage) for stage in state.stages],
        "created": state.started,
        "updated": state.started,
    }


def _stage_state(state: Rehearsal, stage: StageRecord) -> dict[str, Any]:
    begun = stage.status != "Waiting"
    latest = {"pipelineExecutionId": state.id, "status": _OF_STAGES.get(stage.status, stage.status)}
    return {
        "stageName": stage.name,
        "inboundTransitionState": {"enabled": True},
        "actionStates": [_action_state(state, stage, action) for action in stage.actions],
        "latestExecution": latest if begun else None,
    }


def _action_state(state: Rehearsal, stage: StageRecord, action: ActionRecord) -> dict[str, Any]:
    if action.status == "Waiting":
        return {"actionName": action.name}
    latest = {
        "actionExecutionId": _execution_id(state, action),
        "status": _status(action.status),
        "summary": _summary(action),
        "lastStatusChange": action.ended or action.started,
        "lastUpdatedBy": _principal(state, action),
        "externalExecutionId": action.build.id if action.build else None,
        "token": token_of(state, stage.name, action) if action.status == "Pending" else None,
    }
    return {"actionName": action.name, "latestExecution": latest}


def _status(status: str) -> str:
    return _STATUS.get(status, status)


OPERATIONS: Mapping[str, Callable[[Rehearsal, Mapping[str, Any]], dict[str, Any]]] = {
    "GetPipelineExecution": _get_pipeline_execution,
    "ListActionExecutions": _list_action_executions,
    "GetPipelineState": _get_pipeline_state,
}
