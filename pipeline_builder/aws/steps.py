"""Steps of an execution as SageMaker lists them, as values of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_builder.dag.outline import OutlinedStep
from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.regions.partitions import named

_ENDED = (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.STOPPED)
_LOG_GROUPS = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}
_PAGES = {"ProcessingJob": "processing-jobs", "TrainingJob": "jobs", "TransformJob": "transform-jobs"}
_JOB_ARN = re.compile(
    r"arn:(?P<partition>[^:]+):sagemaker:(?P<region>[a-z]+(?:-[a-z]+)+-\d+):\d{12}:[^/]+/(?P<name>[^/]+)"
)


def read_steps(listed: Iterable[Mapping[str, Any]], steps: tuple[OutlinedStep, ...]) -> tuple[StepState, ...]:
    """Return every step of the definition in its order; those that the service doesn't list are waiting.

    A step that was tried again is listed once, with its last attempt; a step that the definition doesn't know (of an
    older version, or made by the service) comes last.
    """
    found = {str(item["StepName"]): item for item in listed}
    types = {step.name: step.type for step in steps}
    names = (*types, *(name for name in found if name not in types))
    return tuple(
        _state(name, types.get(name, ""), found[name])
        if name in found
        else StepState(name=name, type=types[name], status=StepStatus.WAITING, attempts=0)
        for name in names
    )


def _state(name: str, kind: str, item: Mapping[str, Any]) -> StepState:
    metadata = {key: _arn(value) for key, value in (item.get("Metadata") or {}).items() if _arn(value)}
    return StepState(
        name=name,
        type=kind,
        status=StepStatus(item["StepStatus"]) if item.get("StepStatus") else StepStatus.STARTING,
        started=item.get("StartTime"),
        ended=item.get("EndTime"),
        cache_hit=(item.get("CacheHitResult") or {}).get("SourcePipelineExecutionArn", ""),
        taken_from=(item.get("SelectiveExecutionResult") or {}).get("SourcePipelineExecutionArn", ""),
        failure_reason=item.get("FailureReason", ""),
        attempts=int(item.get("AttemptCount") or 1),
        metadata=metadata,
        log=_log(metadata),
        link=_link(metadata),
    )


def _arn(value: Any) -> str:
    """Return what a kind of metadata says: an ARN, the outcome of a condition, a failure's message."""
    if not isinstance(value, Mapping):
        return ""
    return str(value.get("Arn") or value.get("Outcome") or value.get("ErrorMessage") or "")


def _log(metadata: Mapping[str, str]) -> str:
    """Return log group and prefix of the streams of a step's job, with a colon between."""
    for kind, group in _LOG_GROUPS.items():
        if arn := metadata.get(kind):
            return f"{group}:{job_name(arn)}/"
    return ""


def _link(metadata: Mapping[str, str]) -> str:
    """Return the address of the job's page in the console; none for what isn't in a Region of AWS."""
    for kind, page in _PAGES.items():
        match = _JOB_ARN.fullmatch(metadata.get(kind, ""))
        if match and (partition := named(match["partition"])) and (console := partition.console_of(match["region"])):
            return f"{console}/sagemaker/home?region={match['region']}#/{page}/{match['name']}"
    return ""


def job_name(arn: str) -> str:
    """Return the name in a job's ARN."""
    return arn.rsplit("/", 1)[-1]


def is_going_on(states: Iterable[StepState]) -> bool:
    """Tell whether any step has started and not ended."""
    return any(state.status not in (*_ENDED, StepStatus.WAITING, StepStatus.SKIPPED) for state in states)
