"""The operations on jobs: described and listed as SageMaker does it, executions', and those of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline_builder.engine.jobs.records import JobRecord, ask_jobs_to_stop, find_job, list_jobs
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.protocol import VALIDATION, Call, Handler, ServiceError
from pipeline_builder.serve.reasons import as_service

# What SageMaker takes where a request leaves it out.
_RUN_TIME = {"MaxRuntimeInSeconds": 86_400}
# SageMaker's own words; where its documentation has ResourceNotFound, it answers so all the same.
_NOT_FOUND = {
    "training-job": "Requested resource not found.",
    "processing-job": "Could not find requested job with name: {}",
    "transform-job": "Could not find requested job with name: {}",
}
_TRAINING_STATUS = {"InProgress": "Starting", "Stopping": "Stopping"}
# Clients read a message with each status, and members that a request may leave out.
_MESSAGES = {
    "Starting": "Starting the training job",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
}
_UNSAID = {
    "OutputDataConfig": {"KmsKeyId": ""},
    "TransformInput": {"CompressionType": "None", "SplitType": "None"},
    "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
}


def describe_processing_job(call: Call) -> Mapping[str, Any]:
    """Describe a processing job."""
    job = named_job(call, "processing-job", call.request["ProcessingJobName"])
    return {
        "StoppingCondition": _RUN_TIME,
        **_basics(job, "Processing"),
        "LastModifiedTime": job.ended or job.started,
        "ExitMessage": job.result.get("ExitMessage") or job.reason or None,
    }


def describe_training_job(call: Call) -> Mapping[str, Any]:
    """Describe a training job."""
    job = named_job(call, "training-job", call.request["TrainingJobName"])
    seconds = int((job.ended - job.started).total_seconds()) if job.ended else None
    base = str(job.request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    status = "Stopping" if job.status == "Stopping" else job.result.get("SecondaryStatus")
    return {
        "StoppingCondition": _RUN_TIME,
        "ModelArtifacts": {"S3ModelArtifacts": f"{base}/{job.name}/output/model.tar.gz"},
        "SecondaryStatusTransitions": _transitions(job),
        "TrainingTimeInSeconds": seconds or None,
        "BillableTimeInSeconds": seconds or None,
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        **_basics(job, "Training"),
        "SecondaryStatus": status or _TRAINING_STATUS.get(job.status, job.status),
        "LastModifiedTime": _modified(job),
    }


def _transitions(job: JobRecord) -> list[dict[str, Any]]:
    """Return what is known of a job that has just begun, or that a version before has recorded."""
    status = "Training" if job.ended else _TRAINING_STATUS[job.status]
    training = {"Status": status, "StartTime": job.started, "EndTime": job.ended, "StatusMessage": _MESSAGES[status]}
    if job.ended is None:
        return [training]
    end = {
        "Status": job.status,
        "StartTime": job.ended,
        "EndTime": job.ended,
        "StatusMessage": as_service(job.reason) or _MESSAGES[job.status],
    }
    return [training, end]


def describe_transform_job(call: Call) -> Mapping[str, Any]:
    """Describe a batch transform job."""
    return _basics(named_job(call, "transform-job", call.request["TransformJobName"]), "Transform")


def named_job(call: Call, kind: str, name: str) -> JobRecord:
    """Return the job of a kind with this name, or raise the error that the service has for one that isn't there."""
    job = find_job(call.engine.state, kind, name)
    if job is not None:
        return job
    if kind in _NOT_FOUND:
        raise ServiceError(VALIDATION, _NOT_FOUND[kind].format(name))
    raise call.not_found(f"Could not find the requested job with name: {name}")


def _basics(job: JobRecord, word: str) -> dict[str, Any]:
    known = {**job.request, **job.result}
    return {
        **known,
        **{name: {**members, **known[name]} for name, members in _UNSAID.items() if name in known},
        f"{word}JobName": job.name,
        f"{word}JobArn": job.arn,
        f"{word}JobStatus": job.status,
        "FailureReason": as_service(job.reason) or None,
        "CreationTime": job.started,
        f"{word}StartTime": job.started,
        f"{word}EndTime": job.ended,
    }


def stop_job(call: Call, kind: str, word: str) -> None:
    """Let a job stop; whoever runs it ends it."""
    job = named_job(call, kind, call.request[f"{word}JobName"])
    with call.engine.state.transaction() as db:
        if not ask_jobs_to_stop(db, "job", kind, job.name):
            name = kind.replace("-", " ")
            message = f"The request was rejected because the {name} is in status {job.status}."
            raise ServiceError(VALIDATION, message)


def page_of_jobs(call: Call, kind: str, *, by: str) -> tuple[list[JobRecord], str | None]:
    """Return what a List asks for of the jobs of a kind, sorted `by` that where it doesn't say, and the next token."""
    wanted, part = call.request.get("StatusEquals"), call.request.get("NameContains") or ""
    known = [
        job
        for job in reversed(list_jobs(call.engine.state, kind))
        if wanted in (None, job.status) and part.lower() in job.name.lower()
    ]
    found = between(known, call.request, lambda job: job.started, "CreationTime")
    found = between(found, call.request, _modified, "LastModifiedTime")
    keys = {"Name": lambda j: j.name, "CreationTime": lambda j: j.started, "Status": lambda j: j.status}
    return page(call, ordered(found, call.request, keys, by=by), lambda job: job.name)


def _list(call: Call, kind: str, word: str) -> dict[str, Any]:
    """List the jobs of a kind."""
    items, token = page_of_jobs(call, kind, by="CreationTime")
    summaries = [{**_basics(item, word), "LastModifiedTime": _modified(item)} for item in items]
    return {f"{word}JobSummaries": summaries, "NextToken": token}


def _modified(job: JobRecord) -> datetime:
    return job.ended or job.started


OPERATIONS: Mapping[str, Handler] = {
    "DescribeProcessingJob": describe_processing_job,
    "DescribeTrainingJob": describe_training_job,
    "DescribeTransformJob": describe_transform_job,
    "StopProcessingJob": lambda call: stop_job(call, "processing-job", "Processing"),
    "StopTrainingJob": lambda call: stop_job(call, "training-job", "Training"),
    "StopTransformJob": lambda call: stop_job(call, "transform-job", "Transform"),
    "ListProcessingJobs": lambda call: _list(call, "processing-job", "Processing"),
    "ListTrainingJobs": lambda call: _list(call, "training-job", "Training"),
    "ListTransformJobs": lambda call: _list(call, "transform-job", "Transform"),
}
