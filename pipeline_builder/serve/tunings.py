"""The operations on hyperparameter tuning jobs: described and listed as SageMaker does it, made by executions only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.engine.jobs.records import JobRecord, jobs_like
from pipeline_builder.engine.jobs.summaries import best_first, summary_of
from pipeline_builder.engine.jobs.trial_records import KIND
from pipeline_builder.engine.jobs.trials import CONFIG, trial_number
from pipeline_builder.serve.jobs import named_job, page_of_jobs, stop_job
from pipeline_builder.serve.paging import ordered, page
from pipeline_builder.serve.protocol import Call, Handler

_NAME = "HyperParameterTuningJobName"
_RANGES = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
_PENDING = {
    "TrainingJobStatusCounters": {
        "Completed": 0, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    },
    "ObjectiveStatusCounters": {"Succeeded": 0, "Pending": 0, "Failed": 0},
}  # fmt: skip


def _find(call: Call) -> JobRecord:
    return named_job(call, KIND, call.request[_NAME])


def describe(call: Call) -> Mapping[str, Any]:
    """Describe a tuning job, also while it runs."""
    job = _find(call)
    told = {key: value for key, value in job.result.items() if key != "TrainingJobSummaries"}
    return {**_PENDING, **job.request, **told, **_basics(job)}


def _basics(job: JobRecord) -> dict[str, Any]:
    return {
        _NAME: job.name,
        "HyperParameterTuningJobArn": job.arn,
        "HyperParameterTuningJobStatus": job.status,
        "CreationTime": job.started,
        "HyperParameterTuningEndTime": job.ended,
        "LastModifiedTime": job.ended or job.started,
        "FailureReason": job.reason or None,
    }


def list_tunings(call: Call) -> Mapping[str, Any]:
    """List the tuning jobs."""
    items, token = page_of_jobs(call, KIND, by="Name")
    return {"HyperParameterTuningJobSummaries": [_summary(item) for item in items], "NextToken": token}


def _summary(job: JobRecord) -> dict[str, Any]:
    config = job.request.get(CONFIG) or {}
    counted = {key: job.result.get(key) or nothing for key, nothing in _PENDING.items()}
    limits = {"Strategy": config.get("Strategy"), "ResourceLimits": config.get("ResourceLimits")}
    return {**_basics(job), **counted, **limits}


def list_trials(call: Call) -> Mapping[str, Any]:
    """List the trainings of a tuning job."""
    job, wanted = _find(call), call.request.get("StatusEquals")
    given = (job.request.get(CONFIG) or {}).get("ParameterRanges") or {}
    names = [item["Name"] for member in _RANGES for item in given.get(member) or ()]
    jobs = jobs_like(call.engine.state, "training-job", job.execution, f"{job.step}.%")
    trials = [each for each in jobs if trial_number(job.step, each.step) is not None]
    summaries = [summary_of(each, job.request, names) for each in trials if wanted in (None, each.status)]
    if call.request.get("SortBy") == "FinalObjectiveMetricValue":
        summaries = best_first(job.request, summaries)
        found = summaries[::-1] if call.request.get("SortOrder") == "Descending" else summaries
    else:
        keys = {
            "Name": lambda s: s["TrainingJobName"],
            "CreationTime": lambda s: s["CreationTime"],
            "Status": lambda s: s["TrainingJobStatus"],
        }
        found = list(ordered(summaries, call.request, keys, by="Name"))
    items, token = page(call, found, lambda summary: str(summary["TrainingJobName"]))
    return {"TrainingJobSummaries": items, "NextToken": token}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeHyperParameterTuningJob": describe,
    "ListHyperParameterTuningJobs": list_tunings,
    "ListTrainingJobsForHyperParameterTuningJob": list_trials,
    "StopHyperParameterTuningJob": lambda call: stop_job(call, KIND, "HyperParameterTuning"),
}
