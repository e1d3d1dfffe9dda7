"""What a step asked for, and the log of its job: of a step that the cache answered, those of the work that was done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.descriptions import JobDescription, LogPart, StepState, StepStatus
from pipeline_builder.engine.jobs.logs import log_part
from pipeline_builder.engine.jobs.records import JobRecord, jobs_of
from pipeline_builder.engine.state.state import State

_KINDS: Mapping[str, str] = {
    "processing-job": "ProcessingJob",
    "training-job": "TrainingJob",
    "transform-job": "TransformJob",
    "hyper-parameter-tuning-job": "TuningJob",
    "model": "Model",
}
_PACKAGE = "RegisterModel"


def describe_job(state: State, arn: str, step: str) -> JobDescription | None:
    """Return what a step last asked for, None where it has asked for nothing."""
    arn, known = _worked(state, arn, step)
    if job := jobs_of(state, arn, (step,)).get(step):
        return _described(job)
    return _package(state, arn, known) if known and known.metadata.get(_PACKAGE) else None


def read_log_part(state: State, arn: str, step: str, *, mark: str, most: int) -> LogPart:
    """Return a part of the log of a step's job; nothing where it has none."""
    _, known = _worked(state, arn, step)
    if known is None or not known.log:
        return LogPart(text="", mark=mark)
    ended = known.status in (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.STOPPED)
    return log_part(Path(known.log), mark=mark, most=most, ended=ended)


def _worked(state: State, arn: str, step: str) -> tuple[str, StepState | None]:
    """Return the execution that did a step's work, with the step there."""
    seen: set[str] = set()
    while arn not in seen:
        seen.add(arn)
        known = state.step(arn, step)
        before = (known.cache_hit or known.taken_from) if known else ""
        if not before:
            break
        arn = before
    return arn, known


def _described(job: JobRecord) -> JobDescription:
    own = (job.name, job.arn, job.status)
    return JobDescription(
        kind=_KINDS.get(job.kind, job.kind),
        name=job.name,
        arn=job.arn,
        execution=job.execution,
        status=job.status,
        reason=job.reason,
        request=job.request,
        result={key: value for key, value in job.result.items() if job.request.get(key) != value and value not in own},
        started=job.started,
        ended=job.ended,
        missed=job.missed,
        used=job.used,
    )


def _package(state: State, arn: str, step: StepState) -> JobDescription | None:
    package = step.metadata[_PACKAGE]
    rows = state.query("SELECT request, status, created FROM packages WHERE arn = ?", package)
    if not rows:
        return None
    return JobDescription(
        kind="ModelPackage",
        name="/".join(package.rsplit("/", 2)[1:]),
        arn=package,
        execution=arn,
        status="Completed",
        request=rows[0].json("request"),
        result={"ModelApprovalStatus": str(rows[0]["status"])},
        started=rows[0].time("created"),
        ended=rows[0].time("created"),
    )
