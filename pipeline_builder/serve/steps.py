"""The operation that lists the steps of an execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.engine.execution.execution import list_steps
from pipeline_builder.engine.execution.starts import taken_steps
from pipeline_builder.engine.jobs.records import JobRecord, jobs_of
from pipeline_builder.engine.jobs.waiting import find_waiting
from pipeline_builder.serve.executions import find_execution
from pipeline_builder.serve.metadata import metadata_of, reason_of
from pipeline_builder.serve.paging import page
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError

_NOT_LISTED = (StepStatus.WAITING, StepStatus.SKIPPED)


def list_pipeline_execution_steps(call: Call) -> Mapping[str, Any]:
    """List the steps that have started, by their start; those that wait or are skipped are not listed."""
    arn = call.request.get("PipelineExecutionArn")
    if arn is None:
        raise ServiceError(VALIDATION, "'PipelineExecutionArn' is missing")
    found = find_execution(call, arn)
    taken = taken_steps(call.engine.state, found.arn)
    started = [state for state in list_steps(call.engine.state, found.arn) if state.status not in _NOT_LISTED]
    # Those of equal times stay in the order of the graph.
    ordered = sorted(started, key=lambda state: state.started or datetime.min.replace(tzinfo=found.started.tzinfo))
    if call.request.get("SortOrder") != "Ascending":
        ordered.reverse()
    items, token = page(call, ordered, lambda state: state.name)
    names = [item.name for item in items]
    jobs, results = jobs_of(call.engine.state, found.arn, names), call.engine.state.results(found.arn, names)
    for item in items:
        if waiting := find_waiting(call.engine.state, item.metadata.get("Callback", "")):
            results.setdefault(item.name, {"SqsQueueUrl": waiting.queue})
    steps = [_step(item, jobs.get(item.name), taken.get(item.name), results.get(item.name, {})) for item in items]
    return {"PipelineExecutionSteps": steps, "NextToken": token}


def _step(state: StepState, job: JobRecord | None, source: str | None, result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "StepName": state.name,
        "StartTime": state.started,
        "EndTime": state.ended,
        "StepStatus": state.status.value,
        "AttemptCount": state.attempts,
        "FailureReason": reason_of(state) or None,
        "CacheHitResult": {"SourcePipelineExecutionArn": state.cache_hit} if state.cache_hit else None,
        "SelectiveExecutionResult": {"SourcePipelineExecutionArn": source} if source else None,
        "Metadata": metadata_of(state, job, result),
    }


OPERATIONS: Mapping[str, Handler] = {"ListPipelineExecutionSteps": list_pipeline_execution_steps}
