"""The operations on executions of pipelines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.descriptions import Execution
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.execution import starts
from pipeline_builder.engine.execution.execution import definition_of
from pipeline_builder.engine.state.catalogue import PIPELINE_ARN, list_versions
from pipeline_builder.engine.state.references import referring
from pipeline_builder.engine.state.tokens import once
from pipeline_builder.serve.background import new_id
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.pipelines import find, find_version
from pipeline_builder.serve.protocol import CONFLICT, TOO_MANY, VALIDATION, Call, Handler, ServiceError

if TYPE_CHECKING:
    import sqlite3

MOST = 20
"""Executions that go on at once; the service's own quota."""
_DETAILS = (
    "PipelineExecutionDisplayName", "PipelineExecutionDescription", "ParallelismConfiguration", "RoleArn",
    "SelectiveExecutionConfig",
)  # fmt: skip


def start_pipeline_execution(call: Call) -> Mapping[str, Any]:
    """Start an execution of a version; it runs in the background."""
    pipeline = find(call, call.request["PipelineName"])
    version = find_version(call, pipeline)
    details = {member: call.request[member] for member in _DETAILS if member in call.request}
    details.setdefault("PipelineExecutionDisplayName", f"execution-{time.time_ns() // 1_000_000}")
    if "ParallelismConfiguration" in pipeline.details:
        details.setdefault("ParallelismConfiguration", pipeline.details["ParallelismConfiguration"])
    selection = call.request.get("SelectiveExecutionConfig") or {}
    if selection:
        source = _source(call, pipeline.name)
        details["SelectiveExecutionConfig"] = {
            **selection,
            **({"SourcePipelineExecutionArn": source} if source else {}),
        }
    request = starts.Request(
        pipeline=pipeline.name,
        version=version.version,
        definition=version.definition.encode(),
        parameters=_parameters(call),
        details=details,
        selected=tuple(step["StepName"] for step in selection.get("SelectedSteps") or ()),
        source=(details.get("SelectiveExecutionConfig") or {}).get("SourcePipelineExecutionArn", ""),
    )
    notes: list[str] = []
    with referring(call.engine.state), call.engine.state.transaction() as db:
        arn = once(db, call.operation, call.request, lambda: _begin(call, db, request, notes))
    for note in notes:
        call.background.tell(f"{arn}: {note}")
    call.background.start(arn)
    return {"PipelineExecutionArn": arn}


def _begin(call: Call, db: sqlite3.Connection, request: starts.Request, notes: list[str]) -> str:
    """Record an execution; `notes` gets what has no effect in it on this machine."""
    request = starts.with_stubs(call.engine, request)
    taken = starts.check_request(call.engine, request, note=notes.append)
    _check_quota(db)
    return starts.put_execution(db, request, taken, new_id())


def _check_quota(db: sqlite3.Connection) -> None:
    if starts.count_running(db) >= MOST:
        raise ServiceError(TOO_MANY, f"{MOST} executions go on already, which is as many as may at once")


def _parameters(call: Call) -> dict[str, str]:
    given = call.request.get("PipelineParameters") or []
    names = [item["Name"] for item in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ServiceError(VALIDATION, f"the parameter '{twice[0]}' is given more than once")
    if any(item["Value"] == "" for item in given):
        # The service's own words (aws/sagemaker-python-sdk, issue 4016).
        raise ServiceError(VALIDATION, '[string "" is too short (length: 0, required minimum: 1)]')
    return {item["Name"]: item["Value"] for item in given}


def _source(call: Call, pipeline: str) -> str:
    """Return the execution that a selective one takes results from: the named one, else the last that has ended.

    Without any it is empty, which will do for steps that need no other's result: `check_request` sees to that.
    """
    named = call.request["SelectiveExecutionConfig"].get("SourcePipelineExecutionArn")
    known = call.engine.state.executions(pipeline)
    found = next((e for e in known if (e.arn == named if named else e.status.ended)), None)
    if found is None and not named:
        return ""
    if found is None:
        what = f"there is no execution '{named}' of the pipeline"
        raise ServiceError(VALIDATION, f"{what} to take the results of the other steps from")
    if not found.status.ended:
        raise ServiceError(VALIDATION, f"the execution '{found.arn}' is not at its end: no results are taken from it")
    return found.arn


def find_execution(call: Call, arn: str) -> Execution:
    """Return the execution with this ARN.

    Raises:
        ServiceError: there is none.
    """
    found = call.engine.state.execution(arn)
    if found is None or found.arn != arn:
        raise call.not_found(f"Pipeline execution '{arn}' does not exist.")
    return found


def describe_pipeline_execution(call: Call) -> Mapping[str, Any]:
    """Describe an execution."""
    found = find_execution(call, call.request["PipelineExecutionArn"])
    rows = call.engine.state.query("SELECT modified FROM executions WHERE arn = ?", found.arn)
    return {
        **call.engine.state.details(found.arn),
        "PipelineArn": f"{PIPELINE_ARN}/{found.pipeline}",
        "PipelineExecutionArn": found.arn,
        "PipelineExecutionStatus": found.status.value,
        "FailureReason": _reason(found),
        "CreationTime": found.started,
        "LastModifiedTime": rows[0].time_or_none("modified") or found.ended or found.started,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "PipelineVersionId": found.version,
    }


def list_pipeline_executions(call: Call) -> Mapping[str, Any]:
    """List the executions of a pipeline."""
    pipeline = find(call, call.request["PipelineName"])
    aliases = {item.version: item.aliases for item in list_versions(call.engine.state, pipeline.name)}
    alias = call.request.get("PipelineVersionAlias")
    known = [
        execution
        for execution in reversed(call.engine.state.executions(pipeline.name))
        if alias is None or alias in aliases[execution.version]
    ]
    found = between(known, call.request, lambda item: item.started)
    keys = {"CreationTime": lambda item: item.started, "PipelineExecutionArn": lambda item: item.arn}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda item: item.arn)
    summaries = [{**_summary(call, item), "PipelineVersionAliases": aliases[item.version]} for item in items]
    return {"PipelineExecutionSummaries": summaries, "NextToken": token}


def _summary(call: Call, item: Execution) -> dict[str, Any]:
    return {
        **call.engine.state.details(item.arn),
        "PipelineExecutionArn": item.arn,
        "StartTime": item.started,
        "PipelineExecutionStatus": item.status.value,
        "PipelineExecutionFailureReason": _reason(item),
    }


def _reason(execution: Execution) -> str | None:
    """Return why an execution failed, in the service's own words: which steps have, and why, is theirs to say."""
    return "Step failure: One or multiple steps failed" if execution.failure_reason else None


def list_pipeline_parameters_for_execution(call: Call) -> Mapping[str, Any]:
    """List the parameters of an execution with the values that it runs with, defaults too."""
    found = find_execution(call, call.request["PipelineExecutionArn"])
    document = load_definition(definition_of(call.engine.state, found.arn))
    values = parameter_values(document, found.parameters)
    items, token = page(call, sorted(values.items()), lambda item: item[0])
    return {"PipelineParameters": [{"Name": k, "Value": _text(v)} for k, v in items], "NextToken": token}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe_pipeline_definition_for_execution(call: Call) -> Mapping[str, Any]:
    """Return the definition that an execution runs."""
    found = find_execution(call, call.request["PipelineExecutionArn"])
    content = definition_of(call.engine.state, found.arn)
    return {"PipelineDefinition": content.decode(), "CreationTime": found.started}


def update_pipeline_execution(call: Call) -> Mapping[str, Any]:
    """Name or describe an execution anew."""
    found = find_execution(call, call.request["PipelineExecutionArn"])
    details = {member: call.request[member] for member in _DETAILS if member in call.request}
    with call.engine.state.transaction() as db:
        starts.put_execution_details(db, found.arn, details)
    return {"PipelineExecutionArn": found.arn}


def stop_pipeline_execution(call: Call) -> Mapping[str, Any]:
    """Let an execution stop; its jobs are ended in the background."""
    found = find_execution(call, call.request["PipelineExecutionArn"])

    def stop() -> str:
        if not starts.ask_to_stop(db, found.arn):
            raise ServiceError(VALIDATION, "Only pipelines with 'Executing' status can be stopped")
        return found.arn

    with call.engine.state.transaction() as db:
        once(db, call.operation, call.request, stop)
    call.background.start(found.arn)
    return {"PipelineExecutionArn": found.arn}


def retry_pipeline_execution(call: Call) -> Mapping[str, Any]:
    """Let a failed or stopped execution go on from what has succeeded."""
    found = find_execution(call, call.request["PipelineExecutionArn"])

    def retry() -> str:
        _check_quota(db)
        if not starts.ask_to_retry(db, found.arn):
            message = f"Pipeline execution '{found.arn}' is {found.status.value}: only Failed and Stopped are retried."
            raise ServiceError(CONFLICT if not found.status.ended else VALIDATION, message)
        if "ParallelismConfiguration" in call.request:
            given = {"ParallelismConfiguration": call.request["ParallelismConfiguration"]}
            starts.put_execution_details(db, found.arn, given)
        return found.arn

    with call.engine.state.transaction() as db:
        once(db, call.operation, call.request, retry)
    call.background.start(found.arn)
    return {"PipelineExecutionArn": found.arn}


OPERATIONS: Mapping[str, Handler] = {
    "StartPipelineExecution": start_pipeline_execution,
    "DescribePipelineExecution": describe_pipeline_execution,
    "UpdatePipelineExecution": update_pipeline_execution,
    "ListPipelineExecutions": list_pipeline_executions,
    "ListPipelineParametersForExecution": list_pipeline_parameters_for_execution,
    "DescribePipelineDefinitionForExecution": describe_pipeline_definition_for_execution,
    "StopPipelineExecution": stop_pipeline_execution,
    "RetryPipelineExecution": retry_pipeline_execution,
}
